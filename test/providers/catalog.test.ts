import { describe, expect, it } from "vitest";
import { tiers } from "../../src/core/model.ts";
import { priceOf, upperBoundOf } from "../../src/core/money.ts";
import { catalog, retrievalModelId } from "../../src/providers/catalog.ts";

describe("the catalogue", () => {
  it.each(catalog.map((card) => [card.id, card] as const))(
    "prices %s in whole pico-USD, with a dated source",
    (_id, card) => {
      const prices = [card.price, ...(card.nextPrices ?? []).map((next) => next.price)];
      for (const price of prices) {
        if (price === null) continue;
        const { source, readOn, above, ...picos } = price;
        expect(source).not.toBe("");
        expect(readOn).toMatch(/^20\d\d-\d\d-\d\d$/);
        for (const pico of Object.values({ ...picos, ...above })) expect(Number.isInteger(pico)).toBe(true);
        expect(price.cachedInputPico).toBeLessThanOrEqual(price.inputPico);
      }
    },
  );

  it("names each model once", () => {
    expect(new Set(catalog.map((card) => card.id)).size).toBe(catalog.length);
  });

  it("serves every tier: the fast one at the edge first, the others by OpenAI", () => {
    const first = (tier: string) => catalog.find((card) => card.tier === tier)?.provider;
    expect(tiers.map(first)).toEqual(["workers-ai", "openai", "openai"]);
  });

  it("has a model that takes tools and one that takes JSON schemas in each tier", () => {
    for (const tier of tiers) {
      for (const capability of ["tools", "json_schema"] as const) {
        expect(catalog.some((card) => card.tier === tier && card.capabilities.includes(capability))).toBe(true);
      }
    }
  });

  it("bounds an embedding by what a text costs, not a recording", () => {
    const card = catalog.find((each) => each.id === "google/gemini-embedding-2");
    if (card?.price == null) throw new Error("no price");
    expect(upperBoundOf({ input: 1_000_000, output: 0 }, card.price)).toBe(200_000);
  });

  it("embeds at the edge", () => {
    expect(catalog.find((card) => card.id === retrievalModelId)).toMatchObject({
      kind: "embedding",
      staysAtEdge: true,
    });
  });
});

describe("tokens written to a provider's cache", () => {
  const price = {
    inputPico: 1_000_000,
    cachedInputPico: 50_000,
    cacheWriteInputPico: 1_250_000,
    outputPico: 5_000_000,
    source: "",
  };
  const usage = {
    inputTokens: 3_000,
    cachedInputTokens: 1_000,
    outputTokens: 100,
    reasoningTokens: 0,
    estimated: false,
  };

  it("are charged once, at their own rate", () => {
    expect(priceOf({ ...usage, cacheWriteInputTokens: 1_500 }, price)).toBe(500 + 50 + 1_875 + 500);
    expect(priceOf(usage, price)).toBe(2_000 + 50 + 500);
  });

  it("are inside the bound", () => {
    const bound = upperBoundOf({ input: 3_000, output: 100 }, price);
    expect(priceOf({ ...usage, cachedInputTokens: 0, cacheWriteInputTokens: 3_000 }, price)).toBeLessThanOrEqual(bound);
  });
});
