import { describe, expect, it } from "vitest";
import type { ChatModel, EmbeddingModel } from "../../src/core/model.ts";
import { catalog } from "../../src/providers/catalog.ts";
import { createRegistry } from "../../src/providers/registry.ts";

const model: ChatModel & EmbeddingModel = {
  chat: () => Promise.reject(new Error("not called")),
  stream: () => Promise.reject(new Error("not called")),
  embed: () => Promise.reject(new Error("not called")),
};

describe("the registry", () => {
  it("offers only what there are credentials for", () => {
    const registry = createRegistry({ cards: catalog, models: new Map([["workers-ai", model]]) });
    expect(registry.find("openai/gpt-6.1-terra")).toBeNull();
    expect(registry.listForTier("standard")).toEqual([]);
    expect(new Set(registry.list().map((card) => card.provider))).toEqual(new Set(["workers-ai"]));
  });

  it("lists a tier in the order of the cards, embedding models apart", () => {
    const models = new Map([
      ["workers-ai", model],
      ["openai", model],
    ]);
    const fast = createRegistry({ cards: catalog, models }).listForTier("fast");
    expect(fast.map((card) => card.id)).toEqual(catalog.filter((card) => card.tier === "fast").map((card) => card.id));
    expect(fast.every((card) => card.kind === "chat")).toBe(true);
  });

  it("lets the first of two cards with one id count", () => {
    const [card] = catalog;
    if (card === undefined) throw new Error("no card");
    const cheaper = { ...card, price: null };
    const registry = createRegistry({ cards: [cheaper, card], models: new Map([[card.provider, model]]) });
    expect(registry.find(card.id)).toBe(cheaper);
    expect(registry.list()).toHaveLength(1);
    expect(registry.chatModelFor(card)).toBe(model);
  });

  it("refuses a card it does not offer", () => {
    const [card] = catalog;
    if (card === undefined) throw new Error("no card");
    expect(() => createRegistry({ cards: catalog, models: new Map() }).chatModelFor(card)).toThrow("not configured");
  });
});
