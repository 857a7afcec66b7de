import { describe, expect, it } from "vitest";
import { bucketCount, readPrompt, structureNames } from "../../../src/gateway/router/read-prompt.ts";
import { scorePrompt } from "../../../src/gateway/router/router-model.ts";
import stored from "../../../src/gateway/router/weights.json" with { type: "json" };
import { shippedModel } from "../../../src/gateway/router/shipped-model.ts";
import { thresholdFor } from "../../../src/gateway/score-complexity.ts";

const score = (prompt: string) => scorePrompt(shippedModel(), prompt);
const valueOf = (name: string, prompt: string) => readPrompt(prompt).structure[structureNames.indexOf(name)];
const choice = "Which planet is the largest?\nA. Mars\nB. Jupiter\nC. Venus\nD. Saturn\nAnswer:";

describe("the shipped weights", () => {
  it("are those of what is read from a prompt", () => {
    const { options, open, rarity, wordWeights, quantiles } = shippedModel();
    expect(stored.structure, "run `npm run router:train`").toEqual(structureNames);
    for (const form of [options, open]) {
      for (const values of [form.mean, form.deviation, form.weight]) expect(values).toHaveLength(structureNames.length);
    }
    for (const bytes of [rarity, wordWeights]) expect(bytes).toHaveLength(bucketCount);
    expect(quantiles).toHaveLength(101);
  });

  it.each([
    ["", -0.1070274],
    ["Hello", -0.10571656],
    ["What is the capital of France?", -0.10115423],
    [
      "Ann has 24 pencils, Ben has half as many, and Cem has 3 more than both. How many have they in total?",
      0.17021725,
    ],
    [choice, 0.0581193],
    ["Warum ist der Himmel blau?", -0.10194113],
  ])("score %j as recorded", (prompt, recorded) => {
    expect(score(prompt)).toBeCloseTo(recorded, 6);
  });

  it("send a larger share to the strong model at a lower threshold", () => {
    const thresholds = [0, 0.1, 0.305, 0.5, 0.9, 1].map(thresholdFor);
    expect(thresholds).toEqual(thresholds.toSorted((left, right) => right - left));
    expect(new Set(thresholds).size).toBe(thresholds.length);
  });
});

describe("a prompt", () => {
  it("is read for its words in either case, and without regard to its spaces", () => {
    expect(readPrompt("Two  WORDS\n").buckets).toEqual(readPrompt("two words").buckets);
  });

  it.each([
    ["letters and full stops", choice, true],
    ["letters in brackets", "Pick one:\n(A) this\n(B) that", true],
    ["one letter alone", "Dear A.\nA. Smith wrote this.", false],
    ["none", "Which planet is the largest?", false],
  ])("with %s has options or not", (_what, prompt, hasOptions) => {
    expect(readPrompt(prompt).hasOptions).toBe(hasOptions);
  });

  it("counts what stands in the question, not in its options", () => {
    expect(valueOf("numbers", "How many?\nA. 1\nB. 2\nC. 3")).toBe(0);
  });

  it("has one number in 3,000 and one decimal in 2.5", () => {
    expect(valueOf("numbers", "3,000 of 2.5")).toBeCloseTo(Math.log1p(2), 10);
    expect(valueOf("decimals", "3,000 of 2.5")).toBeCloseTo(Math.log1p(1), 10);
  });

  it("of a million characters is read at its ends", () => {
    const long = `${"word ".repeat(200_000)}`;
    expect(readPrompt(`${long}zyzzyva`).buckets.length).toBeGreaterThan(readPrompt(long).buckets.length);
    expect(readPrompt(`${long}zyzzyva ${long}`).buckets).toEqual(readPrompt(long + long).buckets);
  });
});
