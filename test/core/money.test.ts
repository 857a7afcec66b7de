import { describe, expect, it } from "vitest";
import { formatUsd, priceOf, upperBoundOf, type TokenPrice, type TokenUsage } from "../../src/core/money.ts";

const price: TokenPrice = { inputPico: 2_500_000, cachedInputPico: 250_000, outputPico: 10_000_000, source: "test" };
const usage = (tokens: Partial<TokenUsage>): TokenUsage => ({
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  estimated: false,
  ...tokens,
});

describe("priceOf", () => {
  it.each([
    { name: "nothing", tokens: {}, micros: 0 },
    { name: "input and output", tokens: { inputTokens: 1000, outputTokens: 500 }, micros: 2500 + 5000 },
    {
      name: "cached input is not charged twice",
      tokens: { inputTokens: 1000, cachedInputTokens: 900 },
      micros: 250 + 225,
    },
    {
      name: "reasoning tokens are output tokens already",
      tokens: { outputTokens: 100, reasoningTokens: 90 },
      micros: 1000,
    },
    {
      name: "more cached than input never goes below zero",
      tokens: { inputTokens: 10, cachedInputTokens: 99 },
      micros: 3,
    },
  ])("charges $name", ({ tokens, micros }) => {
    expect(priceOf(usage(tokens), price)).toBe(micros);
  });

  it("rounds once a call, half up", () => {
    const half: TokenPrice = { ...price, inputPico: 500_000 };
    expect(priceOf(usage({ inputTokens: 1 }), half)).toBe(1);
    expect(priceOf(usage({ inputTokens: 1 }), { ...half, inputPico: 499_999 })).toBe(0);
    expect(priceOf(usage({ inputTokens: 3 }), half)).toBe(2);
  });
});

it("bounds every price from above", () => {
  for (let round = 0; round < 200; round += 1) {
    const input = Math.floor(Math.random() * 5000);
    const output = Math.floor(Math.random() * 5000);
    const cached = Math.floor(Math.random() * (input + 1));
    const bound = upperBoundOf({ input, output }, price);
    expect(
      priceOf(usage({ inputTokens: input, cachedInputTokens: cached, outputTokens: output }), price),
    ).toBeLessThanOrEqual(bound);
  }
});

it("writes micro-USD as dollars", () => {
  expect(formatUsd(1_234_567)).toBe("1.234567");
  expect(formatUsd(0)).toBe("0.000000");
});
