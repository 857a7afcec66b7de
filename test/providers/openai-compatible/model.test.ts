import { describe, expect, inject, it } from "vitest";
import type { ModelCard } from "../../../src/core/model.ts";
import {
  createOpenAICompatible,
  type OpenAICompatibleOptions,
} from "../../../src/providers/openai-compatible/model.ts";
import { callOf, describeProviderContract, failureOf, patient, readAll, readStats } from "../contract.ts";
import { collectParts } from "../collect-parts.ts";

function cardFor(name: string): ModelCard {
  return {
    id: `scripted/${name}`,
    provider: "scripted",
    name,
    kind: "chat",
    tier: null,
    contextWindow: 8_192,
    maxOutputTokens: 1_024,
    capabilities: ["tools", "json_schema"],
    price: null,
    staysAtEdge: false,
  };
}

const secretKey = "test-key-4f1d";

function create(change: Partial<OpenAICompatibleOptions> = {}) {
  const baseUrl = `${inject("scriptedProviderUrl")}/v1`;
  return createOpenAICompatible({ name: "scripted", baseUrl, apiKey: secretKey, timeouts: patient, ...change });
}

describeProviderContract("an OpenAI-compatible provider", {
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
  },
});

describe("an OpenAI-compatible provider", () => {
  it("counts cached, written and reasoning tokens apart", async () => {
    const { usage } = await create().chat(callOf(cardFor("cached")));
    const expected = {
      inputTokens: 2006,
      cachedInputTokens: 1920,
      cacheWriteInputTokens: 64,
      outputTokens: 300,
      reasoningTokens: 256,
      estimated: false,
    };
    expect(usage).toEqual(expected);
    const { parts } = await collectParts(await create().stream(callOf(cardFor("cached"))));
    expect(parts.at(-1)).toEqual({ type: "usage", usage: expected });
  });

  it("takes a finish reason without [DONE] for an end", async () => {
    const { failure, text } = await collectParts(await create().stream(callOf(cardFor("no-done"))));
    expect(failure).toBeNull();
    expect(text).toBe("Hello from the scripted provider.");
  });

  it("names a content filter, and does not go round it", async () => {
    expect(await failureOf(create().chat(callOf(cardFor("400-content-filter"))))).toMatchObject({
      code: "upstream_content_filter",
      retryable: false,
    });
    expect((await create().chat(callOf(cardFor("filtered")))).finishReason).toBe("content_filter");
  });

  it.each([
    ["429-retry-after-1", 1_000],
    ["429-retry-after-ms", 250],
    ["429", null],
  ])("passes on how long %s asks to wait", async (behaviour, retryAfterMs) => {
    expect(await failureOf(create().chat(callOf(cardFor(behaviour))))).toMatchObject({ retryAfterMs });
  });

  it("reads a date in retry-after", async () => {
    const { retryAfterMs } = await failureOf(create().chat(callOf(cardFor("429-retry-after-date"))));
    expect(retryAfterMs).toBeGreaterThan(20_000);
    expect(retryAfterMs).toBeLessThanOrEqual(30_000);
  });

  it("tells the caller why a request was refused, and nobody why a key was", async () => {
    expect((await failureOf(create().chat(callOf(cardFor("400"))))).message).toContain(
      "Invalid value for 'temperature'.",
    );
    const refused = await failureOf(create().chat(callOf(cardFor("401"))));
    expect(refused.message).not.toContain("sk-inco");
    expect(refused.internal).toContain("invalid_api_key");
  });

  it("sends the key and the trace, and only what the provider is to see", async () => {
    const card = cardFor(`ok~${crypto.randomUUID()}`);
    await create().chat(
      callOf(card, {
        user: "alice@example.com",
        metadata: { ticket: "7" },
        store: true,
        parapet: { feature: "help" },
        max_completion_tokens: 9,
      }),
    );
    const sent = (await readStats()).recorded.find((request) => request.model === card.name);
    expect(sent?.headers).toMatchObject({
      authorization: `Bearer ${secretKey}`,
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    expect(sent?.body).toEqual({
      model: card.name,
      max_tokens: 9,
      messages: [{ role: "user", content: "Say hello, please." }],
    });
  });

  it("sends no authorization where no key is set", async () => {
    const card = cardFor(`ok~${crypto.randomUUID()}`);
    await create({ apiKey: null }).chat(callOf(card));
    const sent = (await readStats()).recorded.find((request) => request.model === card.name);
    expect(sent?.headers).not.toHaveProperty("authorization");
  });

  it("always asks for the count of a stream", async () => {
    const card = cardFor(`ok~${crypto.randomUUID()}`);
    await readAll((await create().stream(callOf(card, { stream_options: { include_usage: false } }))).getReader());
    const sent = (await readStats()).recorded.find((request) => request.model === card.name);
    expect(sent?.body).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  it("does not follow a redirect with its key and prompt", async () => {
    expect(await failureOf(create().chat(callOf(cardFor("redirect"))))).toMatchObject({
      code: "upstream_invalid_response",
    });
  });

  it("says that a provider cannot be reached", async () => {
    const failure = await failureOf(create({ baseUrl: "http://127.0.0.1:9/v1" }).chat(callOf(cardFor("ok"))));
    expect(failure).toMatchObject({
      code: "upstream_error",
      retryable: true,
      message: "The provider scripted could not be reached.",
    });
  });
});
