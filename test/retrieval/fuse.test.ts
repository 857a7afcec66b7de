import { describe, expect, it } from "vitest";
import { fuseByRank, fuseByScore } from "../../src/retrieval/fuse.ts";

const lexical = [
  { id: "a", score: 12 },
  { id: "b", score: 7 },
  { id: "c", score: 2 },
];
const vector = [
  { id: "b", score: 0.9 },
  { id: "d", score: 0.5 },
];

describe("fuseByScore", () => {
  it("averages normalised scores, a missing one counting as nothing", () => {
    expect(fuseByScore({ lexical, vector, vectorWeight: 0.5 })).toEqual([
      { id: "b", score: 0.75, lexicalScore: 0.5, vectorScore: 1 },
      { id: "a", score: 0.5, lexicalScore: 1, vectorScore: null },
      { id: "c", score: 0, lexicalScore: 0, vectorScore: null },
      { id: "d", score: 0, lexicalScore: null, vectorScore: 0 },
    ]);
  });

  it.each([
    ["words", { lexical, vector: [], vectorWeight: 0.9 }, "a"],
    ["vectors", { lexical: [], vector, vectorWeight: 0.1 }, "b"],
  ])("gives full weight to %s when the other search found nothing", (_name, input, first) => {
    expect(fuseByScore(input)[0]).toMatchObject({ id: first, score: 1 });
  });

  it("scores a lone candidate, or equal ones, as best", () => {
    expect(fuseByScore({ lexical: [{ id: "a", score: 3 }], vector: [], vectorWeight: 0.5 })[0]?.score).toBe(1);
  });

  it("answers nothing for nothing", () => {
    expect(fuseByScore({ lexical: [], vector: [], vectorWeight: 0.5 })).toEqual([]);
  });
});

it("fuses by rank, whatever the scores", () => {
  const fused = fuseByRank({ lexical, vector });
  expect(fused.map(({ id }) => id)).toEqual(["b", "a", "d", "c"]);
  expect(fuseByRank({ lexical: vector, vector })[0]?.score).toBe(1);
});
