import { expect, it } from "vitest";
import { measureRouting, qualityCurve, recoveredByCost } from "../../../../src/local/node/router/routing-metrics.ts";

// Of four prompts the strong model saves the first two; both get the third right, and none the last.
const outcomes = [
  { weak: 0, strong: 1 },
  { weak: 0, strong: 1 },
  { weak: 1, strong: 1 },
  { weak: 0, strong: 0 },
];

it.each([
  ["sends those first that gain", [4, 3, 2, 1], 0.75, 0.25, 0.5],
  ["cannot tell them apart", [0, 0, 0, 0], 0.5, 0.5, 1],
  ["sends those last that gain", [1, 2, 3, 4], 0.25, 0.75, 1],
])("a router that %s", (_what, scores, apgr, cpt50, cpt80) => {
  const measured = measureRouting(outcomes, scores);
  expect(measured.apgr).toBeCloseTo(apgr, 10);
  expect(measured.cpt50).toBe(cpt50);
  expect(measured.cpt80).toBe(cpt80);
});

it("equal scores share what they gain", () => {
  expect(qualityCurve(outcomes, [2, 1, 1, 0])).toEqual([0.25, 0.5, 0.625, 0.75, 0.75]);
});

it("where all calls cost the same, cost is calls", () => {
  expect(recoveredByCost(outcomes, [4, 3, 2, 1], [5, 5, 5, 5])).toBeCloseTo(0.75, 10);
});

it("a gain that costs nearly everything recovers half of it on the way", () => {
  expect(recoveredByCost(outcomes, [4, 3, 2, 1], [1e-9, 1, 1e-9, 1e-9])).toBeCloseTo(0.75, 6);
  expect(recoveredByCost(outcomes, [4, 3, 2, 1], [1, 1e-9, 1e-9, 1e-9])).toBeCloseTo(0.25, 6);
});
