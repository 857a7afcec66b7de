import { describe, expect, it } from "vitest";
import type { ChatModel, EmbeddingModel } from "../../src/core/model.ts";
import { refuseDisallowed } from "../../src/core/refuse-disallowed.ts";
import { nameModels } from "../../src/gateway/name-models.ts";
import { catalog } from "../../src/providers/catalog.ts";
import { createRegistry } from "../../src/providers/registry.ts";

const model: ChatModel & EmbeddingModel = {
  chat: () => Promise.reject(new Error("not called")),
  stream: () => Promise.reject(new Error("not called")),
  embed: () => Promise.reject(new Error("not called")),
};
const [card] = catalog;
if (card === undefined) throw new Error("no card");
const cards = ["plain", "vendor/large"].map((name) => ({ ...card, id: `host/${name}`, provider: "host", name }));
const registry = createRegistry({ cards, models: new Map([["host", model]]) });
const permitted = (allowedModels: string[], request: Parameters<typeof nameModels>[0]) => () =>
  refuseDisallowed(nameModels(request, registry), { allowedModels, allowedExtensions: null });

describe("a list of models", () => {
  it("is asked about the model that a name stands for", () => {
    expect(permitted(["host/plain"], { model: "plain" })).not.toThrow();
    expect(permitted(["host/plain"], { model: "vendor/large" })).toThrow("may not use");
    // The name looks like one of theirs, and is another's.
    expect(permitted(["vendor/*"], { model: "vendor/large" })).toThrow("may not use");
  });

  it("sees fallbacks by their full names, too", () => {
    const request = { model: "plain", parapet: { fallbacks: ["vendor/large", "auto", "nobody"] } };
    expect(nameModels(request, registry)).toEqual({
      model: "host/plain",
      parapet: { fallbacks: ["host/vendor/large", "auto", "nobody"] },
    });
  });
});
