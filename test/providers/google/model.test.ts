import { describe, expect, inject, it } from "vitest";
import type { ModelCard } from "../../../src/core/model.ts";
import { createGoogle, type GoogleOptions } from "../../../src/providers/google/model.ts";
import { collectParts } from "../collect-parts.ts";
import { callOf, describeProviderContract, failureOf, patient, readStats } from "../contract.ts";

function cardFor(name: string): ModelCard {
  return {
    id: `google/${name}`,
    provider: "google",
    name,
    kind: "chat",
    tier: null,
    contextWindow: 8_192,
    maxOutputTokens: 1_024,
    capabilities: ["tools", "json_schema", "images", "reasoning"],
    price: null,
    staysAtEdge: false,
  };
}

const apiKey = "test-key-9b2c";

function create(change: Partial<GoogleOptions> = {}) {
  return createGoogle({ baseUrl: `${inject("scriptedProviderUrl")}/v1beta`, apiKey, timeouts: patient, ...change });
}

async function sentFor(card: ModelCard) {
  return (await readStats()).recorded.find((request) => request.model === card.name);
}

describeProviderContract("Google", {
  create: (timeouts) => create({ timeouts }),
  cardFor,
  isClassic: true,
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

describe("Google", () => {
  it("counts cached tokens in the prompt, and thoughts with the answer", async () => {
    const expected = {
      inputTokens: 2006,
      cachedInputTokens: 1920,
      outputTokens: 300,
      reasoningTokens: 256,
      estimated: false,
    };
    expect((await create().chat(callOf(cardFor("cached")))).usage).toEqual(expected);
    const { parts } = await collectParts(await create().stream(callOf(cardFor("cached"))));
    expect(parts.at(-1)).toEqual({ type: "usage", usage: expected });
  });

  it("names the content filter that ended an answer", async () => {
    expect((await create().chat(callOf(cardFor("filtered")))).finishReason).toBe("content_filter");
  });

  it("passes on how long it is asked to wait, from the error's RetryInfo", async () => {
    expect(await failureOf(create().chat(callOf(cardFor("429-retry-after-1"))))).toMatchObject({ retryAfterMs: 1_000 });
  });

  it("gives what the model thought, as it comes and whole", async () => {
    const card = cardFor("think");
    const call = callOf(card, { thinking: { type: "adaptive" } });
    expect((await create().chat(call)).thinking).toEqual([{ type: "thinking", thinking: "Let me think." }]);
    const { parts } = await collectParts(await create().stream(call));
    const thinking = parts.filter((part) => part.type === "thinking-delta" || part.type === "thinking-end");
    expect(thinking).toEqual([
      { type: "thinking-delta", text: "Let me" },
      { type: "thinking-delta", text: " think." },
      { type: "thinking-end", block: { type: "thinking", thinking: "Let me think." } },
    ]);
  });

  it("hands out a call's signature, and sends it back unchanged with the call", async () => {
    const tools = [{ type: "function" as const, function: { name: "get_weather", parameters: { type: "object" } } }];
    const { toolCalls } = await create().chat(callOf(cardFor("parallel-tool-calls"), { tools }));
    expect(toolCalls.map((call) => call.extra_content)).toEqual([
      { google: { thought_signature: "EuQBCuEBAXLI2nx_scripted" } },
      undefined,
    ]);
    const card = cardFor(`ok~${crypto.randomUUID()}`);
    await create().chat(
      callOf(card, {
        tools,
        messages: [
          { role: "user", content: "Weather?" },
          { role: "assistant", content: null, tool_calls: toolCalls },
          ...toolCalls.map((call) => ({ role: "tool" as const, tool_call_id: call.id, content: '{"celsius":21}' })),
        ],
      }),
    );
    const call = (index: number, city: string) => ({
      functionCall: { id: toolCalls[index]?.id, name: "get_weather", args: { city } },
    });
    const response = (index: number) => ({
      functionResponse: { id: toolCalls[index]?.id, name: "get_weather", response: { celsius: 21 } },
    });
    expect((await sentFor(card))?.body).toMatchObject({
      contents: [
        { role: "user", parts: [{ text: "Weather?" }] },
        {
          role: "model",
          parts: [{ ...call(0, "Paris"), thoughtSignature: "EuQBCuEBAXLI2nx_scripted" }, call(1, "Rome")],
        },
        { role: "user", parts: [response(0), response(1)] },
      ],
    });
  });

  it("sends the key as a header and the trace, and only what the provider is to see", async () => {
    const card = cardFor(`ok~${crypto.randomUUID()}`);
    await create().chat(
      callOf(card, { user: "alice@example.com", metadata: { ticket: "7" }, store: true, max_completion_tokens: 9 }),
    );
    const sent = await sentFor(card);
    expect(sent?.headers).toMatchObject({
      "x-goog-api-key": apiKey,
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    expect(sent?.path).not.toContain(apiKey);
    expect(sent?.body).toEqual({
      contents: [{ role: "user", parts: [{ text: "Say hello, please." }] }],
      generationConfig: { maxOutputTokens: 9 },
    });
  });

  it("does not follow a redirect with its key and prompt", async () => {
    expect(await failureOf(create().chat(callOf(cardFor("redirect"))))).toMatchObject({
      code: "upstream_invalid_response",
    });
  });

  it("does not let a model's name lead to another path", async () => {
    const failure = await failureOf(create().chat(callOf({ ...cardFor("ok"), name: "../../v1/messages#" })));
    expect(failure.code).not.toBe("upstream_auth");
    expect((await readStats()).recorded.some((request) => request.path.startsWith("/v1/messages#"))).toBe(false);
  });

  it("asks for vectors of the size that was asked for, of length 1, and in batches of 100", async () => {
    const card = cardFor(`embed~${crypto.randomUUID()}`);
    const inputs = Array.from({ length: 101 }, (_, index) => `text ${index}`);
    const signal = new AbortController().signal;
    const { vectors, usage } = await create().embed({ card, inputs, dimensions: 5, signal, traceparent: "" });
    expect(vectors).toHaveLength(101);
    expect(vectors.every((vector) => vector.length === 5 && Math.abs(Math.hypot(...vector) - 1) < 1e-9)).toBe(true);
    expect(usage?.inputTokens).toBeGreaterThan(100);
    expect((await readStats()).models[card.name]).toMatchObject({ requests: 2 });
    expect((await sentFor(card))?.body).toMatchObject({
      requests: [
        { model: `models/${card.name}`, content: { parts: [{ text: "text 0" }] }, outputDimensionality: 5 },
        ...Array.from({ length: 99 }, () => ({})),
      ],
    });
  });

  it("says that it cannot be reached", async () => {
    const failure = await failureOf(create({ baseUrl: "http://127.0.0.1:9/v1beta" }).chat(callOf(cardFor("ok"))));
    expect(failure).toMatchObject({ code: "upstream_error", retryable: true });
  });
});
