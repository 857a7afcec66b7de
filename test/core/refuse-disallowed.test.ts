import { describe, expect, it } from "vitest";
import { AppError } from "../../src/core/errors.ts";
import type { ModelCard, Tier } from "../../src/core/model.ts";
import type { ParapetRequest } from "../../src/core/parapet-extension.ts";
import { mayUse, refuseDisallowed } from "../../src/core/refuse-disallowed.ts";

function paramOf(run: () => void): string | null {
  try {
    run();
    return null;
  } catch (cause) {
    if (cause instanceof AppError && cause.code === "forbidden") return cause.param;
    throw cause;
  }
}

function card(id: string, tier: Tier | null): ModelCard {
  return {
    id,
    provider: id.slice(0, id.indexOf("/")),
    name: id.slice(id.indexOf("/") + 1),
    kind: "chat",
    tier,
    contextWindow: 1,
    maxOutputTokens: 1,
    capabilities: [],
    price: null,
    staysAtEdge: false,
  };
}

describe("a list of models", () => {
  it.each([
    [null, "openai/gpt-5", true],
    [[], "auto", false],
    [["auto"], "auto", true],
    [["auto"], "fast", false],
    [["fast"], "auto", false],
    [["fast"], "edge/small", false],
    [["openai/*"], "openai/gpt-5", true],
    [["openai/*"], "openai-evil/gpt-5", false],
    [["openai/*"], "openai", false],
    [["openai/gpt-5"], "openai/gpt-5-pro", false],
  ])("%j and the name %s: %s", (allowedModels, model, expected) => {
    const param = paramOf(() => refuseDisallowed({ model }, { allowedModels, allowedExtensions: null }));
    expect(param).toBe(expected ? null : "model");
  });

  it.each([
    [null, true, true, true],
    [[], false, false, false],
    [["auto"], true, true, false],
    [["auto", "fast"], true, false, false],
    [["auto", "cloud/*"], false, true, true],
    [["auto", "cloud/hidden"], false, false, true],
    [["edge/small"], true, false, false],
  ])(
    "%j lets the router choose edge/small (fast): %s, cloud/large (reasoning): %s, cloud/hidden: %s",
    (allowedModels, ...expected) => {
      const cards = [card("edge/small", "fast"), card("cloud/large", "reasoning"), card("cloud/hidden", null)];
      expect(cards.map((model) => mayUse({ allowedModels }, model))).toEqual(expected);
    },
  );
});

describe("a list of extensions", () => {
  const cases: [string, ParapetRequest | undefined, string[] | null, string | null][] = [
    ["no restriction", { collection: "col_1" }, null, null],
    ["nothing sent", undefined, [], null],
    ["a field that is listed", { sensitive: true }, ["sensitive"], null],
    ["a field that is not", { sensitive: true, collection: "col_1" }, ["sensitive"], "parapet.collection"],
    ["a field that is there without a value", { collection: undefined }, [], null],
    ["a field whose value is false", { sensitive: false }, [], "parapet.sensitive"],
  ];
  it.each(cases)("%s", (_what, parapet, allowedExtensions, param) => {
    const found = paramOf(() =>
      refuseDisallowed({ model: "auto", parapet }, { allowedModels: null, allowedExtensions }),
    );
    expect(found).toBe(param);
  });
});
