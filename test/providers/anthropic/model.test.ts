import { describe, expect, inject, it } from "vitest";
import type { ModelCard } from "../../../src/core/model.ts";
import { createAnthropic, type AnthropicOptions } from "../../../src/providers/anthropic/model.ts";
import { callOf, describeProviderContract, failureOf, patient, readStats } from "../contract.ts";
import { collectParts } from "../collect-parts.ts";

function cardFor(name: string): ModelCard {
  return {
    id: `anthropic/${name}`,
    provider: "anthropic",
    name,
    kind: "chat",
    tier: null,
    contextWindow: 200_000,
    maxOutputTokens: 1_024,
    capabilities: ["tools", "json_schema", "images", "files", "reasoning"],
    price: null,
    staysAtEdge: false,
  };
}

const secretKey = "sk-ant-test-4f1d";

function create(change: Partial<AnthropicOptions> = {}) {
  return createAnthropic({ baseUrl: inject("scriptedProviderUrl"), apiKey: secretKey, timeouts: patient, ...change });
}

describeProviderContract("Anthropic", {
  create: (timeouts) => create({ timeouts }),
  cardFor,
  isClassic: false,
  carries: {
    images: true,
    files: true,
    jsonSchema: true,
    toolResults: true,
    tokenClasses: true,
    contentFilter: true,
    thinking: true,
    stopSequence: true,
    limits: true,
    embeddings: false,
  },
});

describe("Anthropic", () => {
  it("is sent the key, the version and the trace, and only what it is to see", async () => {
    const card = cardFor(`ok~${crypto.randomUUID()}`);
    await create().chat(
      callOf(card, { user: "alice@example.com", metadata: { ticket: "7" }, parapet: { feature: "help" } }),
    );
    const sent = (await readStats()).recorded.find((request) => request.model === card.name);
    expect(sent?.path).toBe("/v1/messages");
    expect(sent?.headers).toMatchObject({
      "x-api-key": secretKey,
      "anthropic-version": "2023-06-01",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    expect(sent?.headers).not.toHaveProperty("authorization");
    expect(sent?.body).toEqual({
      model: card.name,
      max_tokens: 1_024,
      messages: [{ role: "user", content: [{ type: "text", text: "Say hello, please." }] }],
      service_tier: "standard_only",
    });
  });

  it("counts what was written to the cache", async () => {
    const { usage } = await create().chat(callOf(cardFor("cached")));
    expect(usage).toMatchObject({ inputTokens: 2006, cachedInputTokens: 1920, cacheWriteInputTokens: 64 });
  });

  it("takes a stop reason without message_stop for an end", async () => {
    const { failure, text } = await collectParts(await create().stream(callOf(cardFor("no-done"))));
    expect({ failure, text }).toEqual({ failure: null, text: "Hello from the scripted provider." });
  });

  it.each([
    ["429-retry-after-1", 1_000],
    ["429-retry-after-ms", 250],
    ["429", null],
  ])("passes on how long %s asks to wait", async (behaviour, retryAfterMs) => {
    expect(await failureOf(create().chat(callOf(cardFor(behaviour))))).toMatchObject({ retryAfterMs });
  });

  it("names a content filter, and does not go round it", async () => {
    expect(await failureOf(create().chat(callOf(cardFor("400-content-filter"))))).toMatchObject({
      code: "upstream_content_filter",
      retryable: false,
    });
  });

  it("tells the caller why a request was refused, and nobody why a key was", async () => {
    expect((await failureOf(create().chat(callOf(cardFor("400"))))).message).toContain("Invalid value");
    const refused = await failureOf(create().chat(callOf(cardFor("401"))));
    expect(refused.message).not.toContain("sk-inco");
    expect(refused.internal).toContain("authentication_error");
  });

  it("does not follow a redirect with its key and prompt", async () => {
    expect(await failureOf(create().chat(callOf(cardFor("redirect"))))).toMatchObject({
      code: "upstream_invalid_response",
    });
  });

  it("says that it cannot be reached", async () => {
    expect(await failureOf(create({ baseUrl: "http://127.0.0.1:9" }).chat(callOf(cardFor("ok"))))).toMatchObject({
      code: "upstream_error",
      retryable: true,
      message: "The provider anthropic could not be reached.",
    });
  });

  it("embeds nothing, and says so", async () => {
    const call = { card: cardFor("ok"), inputs: ["x"], signal: new AbortController().signal, traceparent: "" };
    expect(await failureOf(create().embed(call))).toMatchObject({ code: "unsupported_parameter", param: "model" });
  });
});
