import { describe, expect, it } from "vitest";
import creditSpent from "../../fixtures/providers/anthropic/error-credit.json";
import fieldAtFault from "../../fixtures/providers/anthropic/error-field.json";
import overloaded from "../../fixtures/providers/anthropic/error-overloaded.json";
import tooLong from "../../fixtures/providers/anthropic/error-too-long.json";
import completed from "../../fixtures/providers/anthropic/message.json";
import refused from "../../fixtures/providers/anthropic/refusal.json";
import streamText from "../../fixtures/providers/anthropic/stream.sse?raw";
import streamThinking from "../../fixtures/providers/anthropic/stream-thinking.sse?raw";
import streamToolUse from "../../fixtures/providers/anthropic/stream-tool-use.sse?raw";
import toolUse from "../../fixtures/providers/anthropic/tool-use.json";
import type { StreamPart } from "../../../src/core/model.ts";
import { createEventReader } from "../../../src/providers/anthropic/event-reader.ts";
import { mapErrorBody } from "../../../src/providers/anthropic/map-error.ts";
import { mapFinishReason } from "../../../src/providers/anthropic/map-finish-reason.ts";
import { toChatResult } from "../../../src/providers/anthropic/model.ts";
import { readLimits } from "../../../src/providers/anthropic/read-limits.ts";
import { findError, message } from "../../../src/providers/anthropic/wire.ts";
import { createEventDecoder } from "../../../src/providers/event-stream.ts";

const context = { provider: "anthropic", apiKey: "sk-ant-very-secret", nowMs: 0 };

function read(text: string): StreamPart[] {
  const reader = createEventReader({
    provider: "anthropic",
    model: "m",
    onError: (error) => mapErrorBody(error, context),
  });
  const parts = createEventDecoder()
    .push(new TextEncoder().encode(text))
    .flatMap((event) => reader.read(event));
  return [...parts, ...reader.end()];
}

describe("Anthropic's documented bodies", () => {
  it("reads a message, its prompt counted in disjoint classes", () => {
    expect(toChatResult(message.parse(completed), "m")).toEqual({
      id: "msg_01XFDUDYJgAACzvnptvVoYEL",
      model: "claude-opus-5-5",
      content: "Hi! My name is Claude.",
      refusal: null,
      toolCalls: [],
      finishReason: "stop",
      usage: {
        inputTokens: 2095 + 2051 + 2051,
        cachedInputTokens: 2051,
        cacheWriteInputTokens: 2051,
        longCacheWriteInputTokens: 1000,
        outputTokens: 503,
        reasoningTokens: 120,
        estimated: false,
      },
    });
  });

  it("reads parallel tool calls and the thinking before them", () => {
    const { toolCalls, thinking, finishReason, content } = toChatResult(message.parse(toolUse), "m");
    expect(toolCalls.map((call) => call.function)).toEqual([
      { name: "get_weather", arguments: '{"location":"San Francisco, CA"}' },
      { name: "get_time", arguments: "{}" },
    ]);
    expect(thinking).toEqual(toolUse.content.slice(0, 2));
    expect({ finishReason, content }).toEqual({
      finishReason: "tool_calls",
      content: "I'll check the current weather.",
    });
  });

  it("reads a refusal with its reason", () => {
    expect(toChatResult(message.parse(refused), "m")).toMatchObject({
      finishReason: "content_filter",
      refusal: "This request could enable cyber harm.",
    });
  });

  it("passes over blocks it does not know", () => {
    const content = [{ type: "server_tool_use", id: "x" }, ...completed.content];
    expect(toChatResult(message.parse({ ...completed, content }), "m").content).toBe("Hi! My name is Claude.");
  });

  it("reads a stream", () => {
    expect(read(streamText)).toEqual([
      { type: "start", id: "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY", model: "claude-opus-5-5" },
      { type: "text-delta", text: "Hello" },
      { type: "text-delta", text: "!" },
      { type: "finish", reason: "stop" },
      { type: "usage", usage: expect.objectContaining({ inputTokens: 25, outputTokens: 15 }) },
    ]);
  });

  it("reads streamed tool calls, one without arguments", () => {
    expect(read(streamToolUse).filter((part) => part.type === "tool-call-delta")).toEqual([
      { type: "tool-call-delta", index: 0, id: "toolu_01T1x1fJ34qAmk2tNTrN7Up6", name: "get_weather", arguments: "" },
      { type: "tool-call-delta", index: 0, arguments: '{"location":' },
      { type: "tool-call-delta", index: 0, arguments: ' "San Francisco, CA"}' },
      { type: "tool-call-delta", index: 1, id: "toolu_02T1x1fJ34qAmk2tNTrN7Up6", name: "get_time", arguments: "" },
      { type: "tool-call-delta", index: 1, arguments: "{}" },
    ]);
  });

  it("reads streamed thinking with its signature, and what ended the answer", () => {
    const parts = read(streamThinking);
    expect(parts.filter((part) => part.type === "thinking-delta")).toHaveLength(2);
    expect(parts).toContainEqual({
      type: "thinking-end",
      block: {
        type: "thinking",
        thinking: "I need to find the GCD of 1071 and 462.\n1071 = 2 × 462 + 147",
        signature: "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds",
      },
    });
    expect(parts.at(-2)).toEqual({ type: "finish", reason: "stop", stopSequence: "END" });
    expect(parts.at(-1)).toMatchObject({
      usage: { inputTokens: 125, cachedInputTokens: 100, outputTokens: 60, reasoningTokens: 41 },
    });
  });

  it("fails a stream whose stop reason never came", () => {
    const cut = streamText.slice(0, streamText.indexOf("event: message_delta"));
    expect(() => read(cut)).toThrow(expect.objectContaining({ code: "upstream_incomplete", retryable: true }));
  });

  it("fails a stream at its error event", () => {
    expect(() => read(`event: error\ndata: ${JSON.stringify(overloaded)}\n\n`)).toThrow(
      expect.objectContaining({ code: "upstream_error", retryable: true }),
    );
  });

  it.each([
    ["an overload", overloaded, "upstream_error", true],
    ["a prompt that is too long", tooLong, "context_length_exceeded", true],
    ["a spent credit", creditSpent, "upstream_rate_limited", true],
    ["a field at fault", fieldAtFault, "upstream_rejected", false],
  ])("classes %s", (_what, body, code, retryable) => {
    expect(mapErrorBody(findError(body) ?? {}, context)).toMatchObject({ code, retryable });
  });

  it.each([
    ["authentication_error", "upstream_auth", false],
    ["permission_error", "upstream_auth", false],
    ["billing_error", "upstream_rate_limited", true],
    ["not_found_error", "model_unavailable", true],
    ["request_too_large", "upstream_rejected", true],
    ["rate_limit_error", "upstream_rate_limited", true],
    ["api_error", "upstream_error", true],
    ["timeout_error", "upstream_error", true],
    ["a type of tomorrow", "upstream_error", true],
  ])("classes %s by its type", (type, code, retryable) => {
    expect(mapErrorBody({ type, message: "It failed." }, context)).toMatchObject({ code, retryable });
  });

  it("names the field at fault, and never quotes the key", () => {
    expect(mapErrorBody(findError(fieldAtFault) ?? {}, context).param).toBe("messages.1.content");
    const quoted = mapErrorBody({ type: "invalid_request_error", message: "key sk-ant-very-secret is bad" }, context);
    expect(JSON.stringify([quoted.message, quoted.internal])).not.toContain("sk-ant-very-secret");
  });
});

describe("stop reasons", () => {
  it.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["pause_turn", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["tool_use", "tool_calls"],
    ["refusal", "content_filter"],
    ["a word of tomorrow", "stop"],
  ])("%s is %s", (reason, expected) => {
    expect(mapFinishReason(reason, false)).toBe(expected);
  });
});

describe("the limits in Anthropic's headers", () => {
  it("are read with the time until they are whole again", () => {
    const headers = new Headers({
      "anthropic-ratelimit-requests-remaining": "49",
      "anthropic-ratelimit-requests-reset": "1970-01-01T00:00:12Z",
      "anthropic-ratelimit-input-tokens-remaining": "0",
      "anthropic-ratelimit-input-tokens-reset": "1970-01-01T00:00:30Z",
      "anthropic-ratelimit-output-tokens-remaining": "nonsense",
      "anthropic-ratelimit-output-tokens-reset": "1970-01-01T00:00:30Z",
    });
    expect(readLimits(headers, 10_000)).toEqual([
      { kind: "requests", remaining: 49, resetMs: 2_000 },
      { kind: "tokens", remaining: 0, resetMs: 20_000 },
    ]);
    expect(readLimits(new Headers(), 0)).toEqual([]);
  });
});
