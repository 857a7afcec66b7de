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
    const expected = catalog.filter((card) => card.tier === "fast" && models.has(card.provider));
    expect(fast.map((card) => card.id)).toEqual(expected.map((card) => card.id));
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

  it.each([
    ["its name alone", "gpt-6-sol", "openai/gpt-6-sol"],
    ["its vendor's name where others serve it too", "claude-sonnet-5-5", "anthropic/claude-sonnet-5-5"],
    ["the one provider that has it", "llama", "first/llama"],
    ["a name with a provider's slash of its own", "@cf/baai/bge-m3", "workers-ai/@cf/baai/bge-m3"],
    ["its whole id, although another's name is the same", "first/second/llama", "first/second/llama"],
    ["nothing where two others have it", "qwen", null],
    ["nothing where the provider it names does not have it", "google/gemma", null],
    ["nothing where it is part of a name", "gpt-6", null],
  ])("finds a model by %s", (_how, asked, id) => {
    const [card] = catalog;
    if (card === undefined) throw new Error("no card");
    const of = (provider: string, name: string) => ({ ...card, provider, name, id: `${provider}/${name}` });
    const own = [
      of("first", "claude-sonnet-5-5"),
      of("first", "llama"),
      of("first", "qwen"),
      of("second", "qwen"),
      of("first", "google/gemma"),
      of("first", "second/llama"),
    ];
    const names = ["first", "second", "openai", "anthropic", "workers-ai"];
    const models = new Map(names.map((name) => [name, model]));
    expect(createRegistry({ cards: [...own, ...catalog], models }).find(asked)?.id ?? null).toBe(id);
  });

  it("refuses a card it does not offer", () => {
    const [card] = catalog;
    if (card === undefined) throw new Error("no card");
    expect(() => createRegistry({ cards: catalog, models: new Map() }).chatModelFor(card)).toThrow("not configured");
  });

  it("gives the price in force at the moment, and what is still to come", () => {
    let nowMs = Date.parse("2026-11-30T23:59:59.999Z");
    const registry = createRegistry({ cards: catalog, models: new Map([["google", model]]), clock: () => nowMs });
    const argon = () => registry.find("google/gemini-4-argon");
    expect(argon()?.price?.inputPico).toBe(2_000_000);
    expect(argon()?.nextPrices).toHaveLength(1);
    nowMs += 1;
    expect(argon()?.price).toMatchObject({ inputPico: 4_000_000, cachedInputPico: 200_000, outputPico: 20_000_000 });
    expect(argon()?.nextPrices).toEqual([]);
    expect(registry.listForTier("reasoning").find((card) => card.name === "gemini-4-argon")?.price).toEqual(
      argon()?.price,
    );
  });
});
