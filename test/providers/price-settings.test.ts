import { describe, expect, it } from "vitest";
import { applyPrices } from "../../src/providers/price-settings.ts";
import { catalog } from "../../src/providers/catalog.ts";

const id = "google/gemini-4-argon";
const apply = (setting: unknown) => applyPrices(catalog, JSON.stringify(setting)).find((card) => card.id === id);

describe("PARAPET_PRICES", () => {
  it.each([undefined, "", "  "])("changes nothing when it is %j", (text) => {
    expect(applyPrices(catalog, text)).toEqual(catalog);
  });

  it("replaces a price, and what was announced of it", () => {
    const card = apply({
      [id]: {
        inputUsdPerMillion: 1.5,
        cachedInputUsdPerMillion: 0.075,
        outputUsdPerMillion: 8,
        above: { inputTokens: 200_000, inputUsdPerMillion: 3, outputUsdPerMillion: 12 },
      },
    });
    expect(card?.price).toEqual({
      inputPico: 1_500_000,
      cachedInputPico: 75_000,
      outputPico: 8_000_000,
      above: { inputTokens: 200_000, inputPico: 3_000_000, cachedInputPico: 3_000_000, outputPico: 12_000_000 },
      source: "PARAPET_PRICES",
    });
    expect(card?.nextPrices).toBeUndefined();
  });

  it("makes a known price unknown", () => {
    expect(apply({ [id]: null })?.price).toBeNull();
  });

  it("makes an unknown price known", () => {
    const [first] = catalog;
    if (first === undefined) throw new Error("no card");
    const unpriced = { ...first, price: null };
    const setting = JSON.stringify({ [first.id]: { inputUsdPerMillion: 1, outputUsdPerMillion: 2 } });
    expect(applyPrices([unpriced], setting)[0]?.price).toMatchObject({ inputPico: 1_000_000, outputPico: 2_000_000 });
  });

  it.each([
    ["no JSON", "{", "not valid JSON"],
    ["a model nobody knows", '{"google/gemini-9":{"inputUsdPerMillion":1}}', "gemini-9"],
    ["a price below zero", `{"${id}":{"inputUsdPerMillion":-1}}`, "inputUsdPerMillion"],
    ["a field nobody knows", `{"${id}":{"inputUsdPerMillion":1,"price":2}}`, "price"],
  ])("says what is wrong with %s", (_what, text, words) => {
    expect(() => applyPrices(catalog, text)).toThrow(expect.objectContaining({ code: "not_ready" }));
    expect(() => applyPrices(catalog, text)).toThrow(words);
  });
});
