import { describe, expect, it } from "vitest";
import completion from "../../fixtures/providers/openai/completion.json";
import quota from "../../fixtures/providers/openai/error-quota.json";
import toolsWithReasoning from "../../fixtures/providers/openai/error-tools-with-reasoning.json";
import unsupportedParameter from "../../fixtures/providers/openai/error-unsupported-parameter.json";
import streamText from "../../fixtures/providers/openai/stream.sse?raw";
import streamToolCall from "../../fixtures/providers/openai/stream-tool-call.sse?raw";
import toolCall from "../../fixtures/providers/openai/tool-call.json";
import type { StreamPart } from "../../../src/core/model.ts";
import { createEventDecoder } from "../../../src/providers/event-stream.ts";
import { createChunkReader } from "../../../src/providers/openai-compatible/chunk-reader.ts";
import { mapErrorBody } from "../../../src/providers/openai-compatible/map-error.ts";
import { toChatResult } from "../../../src/providers/openai-compatible/model.ts";
import { chatCompletion, findError, toTokenUsage } from "../../../src/providers/openai-compatible/wire.ts";

function read(text: string): StreamPart[] {
  const reader = createChunkReader({ provider: "openai", model: "m", onError: () => new Error("unexpected") });
  const parts = createEventDecoder()
    .push(new TextEncoder().encode(text))
    .flatMap((event) => reader.read(event));
  return [...parts, ...reader.end()];
}

describe("OpenAI's documented bodies", () => {
  it("reads a completion", () => {
    expect(toChatResult(chatCompletion.parse(completion), "m")).toMatchObject({
      id: "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
      model: "gpt-4o-2024-08-06",
      finishReason: "stop",
      usage: { inputTokens: 1117, cacheWriteInputTokens: 1024, outputTokens: 46 },
    });
  });

  it("reads a tool call", () => {
    const { toolCalls, finishReason, content } = toChatResult(chatCompletion.parse(toolCall), "m");
    expect(toolCalls[0]).toMatchObject({ id: "call_abc123", function: { name: "get_current_weather" } });
    expect({ finishReason, content }).toEqual({ finishReason: "tool_calls", content: null });
  });

  it("reads a stream", () => {
    expect(read(streamText)).toEqual([
      { type: "start", id: "chatcmpl-123", model: "gpt-4o-mini" },
      { type: "text-delta", text: "Hello" },
      { type: "finish", reason: "stop" },
    ]);
  });

  it("reads a streamed tool call and the usage behind it", () => {
    const parts = read(streamToolCall);
    expect(parts.filter((part) => part.type === "tool-call-delta")).toEqual([
      { type: "tool-call-delta", index: 0, id: "call_DdmO9pD3xa9XTPNJ32zg2hcA", name: "get_weather", arguments: "" },
      { type: "tool-call-delta", index: 0, arguments: '{"location":"' },
      { type: "tool-call-delta", index: 0, arguments: 'Paris, France"}' },
    ]);
    expect(parts.at(-1)).toMatchObject({ type: "usage", usage: { inputTokens: 62, outputTokens: 16 } });
  });

  it.each([
    ["an unsupported parameter", unsupportedParameter, "upstream_rejected", false],
    ["tools with reasoning", toolsWithReasoning, "upstream_rejected", false],
    ["a used-up quota", quota, "upstream_rate_limited", true],
  ])("classes %s", (_what, body, code, retryable) => {
    const error = mapErrorBody(findError(body) ?? {}, { provider: "openai", apiKey: null, nowMs: 0 });
    expect(error).toMatchObject({ code, retryable });
  });
});

describe("servers that copy OpenAI's format", () => {
  it("may leave out ids, indexes, models and counts", () => {
    const chunk = {
      choices: [{ delta: { tool_calls: [{ function: { name: "f", arguments: "{}" } }] }, finish_reason: "stop" }],
      usage: { tokens: 3 },
    };
    const parts = read(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
    expect(parts).toEqual([
      { type: "start", id: expect.stringMatching(/^chatcmpl/), model: "m" },
      { type: "tool-call-delta", index: 0, id: expect.stringMatching(/^call_/), name: "f", arguments: "{}" },
      { type: "finish", reason: "tool_calls" },
    ]);
  });

  it("may count reasoning beside the answer: it is billed all the same", () => {
    const wire = {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 35,
      completion_tokens_details: { reasoning_tokens: 20 },
    };
    expect(toTokenUsage(wire)).toMatchObject({ outputTokens: 25, reasoningTokens: 20 });
    expect(toTokenUsage({ ...wire, completion_tokens: 25 })).toMatchObject({ outputTokens: 25 });
  });

  it("never has its key quoted back", () => {
    const context = { provider: "p", apiKey: "sk-very-secret", nowMs: 0 };
    const error = mapErrorBody(
      { type: "invalid_request_error", message: "bad key sk-very-secret in request" },
      context,
    );
    expect(error.message).toContain("bad key [key] in request");
    expect(JSON.stringify([error.message, error.internal])).not.toContain("sk-very-secret");
  });

  it("has a long message cut", () => {
    const error = mapErrorBody({ code: 400, message: "x".repeat(5_000) }, { provider: "p", apiKey: null, nowMs: 0 });
    expect(error.message.length).toBeLessThan(400);
  });
});
