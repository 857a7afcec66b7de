import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/core/errors.ts";
import type { Answer, Completion } from "../../../src/gateway/completion.ts";
import type { CompletionPart } from "../../../src/gateway/stream-completion.ts";
import { renderMessage } from "../../../src/http/messages/render-message.ts";
import { renderMessageStream } from "../../../src/http/messages/render-stream.ts";

function completionOf(change: Partial<Answer> = {}): Completion {
  const answer: Answer = {
    model: "anthropic/claude-opus-5-5",
    content: "Hello.",
    refusal: null,
    toolCalls: [],
    thinking: [],
    logprobs: null,
    finishReason: "stop",
    stopSequence: null,
    usage: {
      inputTokens: 100,
      cachedInputTokens: 60,
      cacheWriteInputTokens: 30,
      longCacheWriteInputTokens: 10,
      outputTokens: 7,
      reasoningTokens: 3,
      estimated: false,
    },
    generated: true,
    degraded: false,
    grounding: "none",
    citations: [],
    unsupportedSentences: 0,
    ...change,
  };
  const parapet: Completion["parapet"] = {
    trace_id: "t",
    route: { tier: null, model: answer.model, reason: "", candidates: [], attempts: [] },
    cost_micros: 1,
    cache: "none",
    degraded: false,
    generated: true,
    grounding: "none",
    citations: [],
    unsupported_sentences: 0,
    guardrails: [],
    latency_ms: 1,
  };
  return { id: "chatcmpl_abc", createdMs: 0, answer, parapet };
}

async function eventsOf(parts: CompletionPart[]): Promise<Record<string, unknown>[]> {
  const stream = renderMessageStream(
    {
      id: "chatcmpl_abc",
      createdMs: 0,
      model: "anthropic/claude-opus-5-5",
      routeReason: "",
      cache: "none",
      parts: new ReadableStream({
        start(controller) {
          for (const part of parts) controller.enqueue(part);
          controller.close();
        },
      }),
    },
    { requestId: "req_1", promptTokens: 11 },
  );
  const frames = (await new Response(stream).text()).split("\n\n").filter((frame) => frame !== "");
  return frames.map((frame) => {
    const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(frame) ?? [];
    const event: Record<string, unknown> = JSON.parse(data ?? "null");
    expect(event["type"]).toBe(name);
    return event;
  });
}

const call = { id: "toolu_1", type: "function" as const, function: { name: "f", arguments: '{"a":1}' } };

describe("a message", () => {
  it("counts what was cached beside the other input", () => {
    expect(renderMessage(completionOf()).usage).toMatchObject({
      input_tokens: 10,
      cache_read_input_tokens: 60,
      cache_creation_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 10 },
      output_tokens: 7,
      output_tokens_details: { thinking_tokens: 3 },
    });
  });

  it("has thinking first, then text, then calls", () => {
    const thinking = [
      { type: "thinking" as const, thinking: "Hm.", signature: "sig" },
      { type: "redacted_thinking" as const, data: "EmwK" },
    ];
    const message = renderMessage(completionOf({ thinking, toolCalls: [call], finishReason: "tool_calls" }));
    expect(message).toMatchObject({ id: "msg_abc", type: "message", role: "assistant", stop_reason: "tool_use" });
    expect(message.content).toEqual([
      ...thinking,
      { type: "text", text: "Hello.", citations: null },
      { type: "tool_use", id: "toolu_1", name: "f", input: { a: 1 }, caller: { type: "direct" } },
    ]);
  });

  it.each([
    [{ finishReason: "stop" }, "end_turn", null],
    [{ finishReason: "stop", stopSequence: "END" }, "stop_sequence", "END"],
    [{ finishReason: "length" }, "max_tokens", null],
    [{ finishReason: "content_filter" }, "refusal", null],
    [{ finishReason: "stop", content: null, refusal: "No." }, "refusal", null],
  ] satisfies [Partial<Answer>, string, string | null][])("that ended with %j says why", (change, reason, sequence) => {
    expect(renderMessage(completionOf(change))).toMatchObject({ stop_reason: reason, stop_sequence: sequence });
  });
});

describe("a streamed message", () => {
  it("opens and closes each block in turn, and counts at its end", async () => {
    const events = await eventsOf([
      { type: "thinking-delta", text: "Hm" },
      { type: "thinking-delta", text: "." },
      { type: "thinking-end", block: { type: "thinking", thinking: "Hm.", signature: "sig" } },
      { type: "thinking-end", block: { type: "redacted_thinking", data: "EmwK" } },
      { type: "text-delta", text: "Hel" },
      { type: "logprobs", content: [] },
      { type: "text-delta", text: "lo." },
      { type: "tool-call", index: 0, call },
      { type: "end", completion: completionOf({ finishReason: "tool_calls" }) },
    ]);
    expect(events.map((event) => [event["type"], event["index"], event["delta"] ?? event["content_block"]])).toEqual([
      ["message_start", undefined, undefined],
      ["ping", undefined, undefined],
      ["content_block_start", 0, { type: "thinking", thinking: "", signature: "" }],
      ["content_block_delta", 0, { type: "thinking_delta", thinking: "Hm" }],
      ["content_block_delta", 0, { type: "thinking_delta", thinking: "." }],
      ["content_block_delta", 0, { type: "signature_delta", signature: "sig" }],
      ["content_block_stop", 0, undefined],
      ["content_block_start", 1, { type: "redacted_thinking", data: "EmwK" }],
      ["content_block_stop", 1, undefined],
      ["content_block_start", 2, { type: "text", text: "", citations: null }],
      ["content_block_delta", 2, { type: "text_delta", text: "Hel" }],
      ["content_block_delta", 2, { type: "text_delta", text: "lo." }],
      ["content_block_stop", 2, undefined],
      ["content_block_start", 3, { type: "tool_use", id: "toolu_1", name: "f", input: {}, caller: { type: "direct" } }],
      ["content_block_delta", 3, { type: "input_json_delta", partial_json: '{"a":1}' }],
      ["content_block_stop", 3, undefined],
      ["message_delta", undefined, expect.objectContaining({ stop_reason: "tool_use", stop_sequence: null })],
      ["message_stop", undefined, undefined],
    ]);
    expect(events[0]?.["message"]).toMatchObject({ id: "msg_abc", content: [], usage: { input_tokens: 11 } });
    expect(events.at(-2)?.["usage"]).toMatchObject({ input_tokens: 10, cache_read_input_tokens: 60, output_tokens: 7 });
  });

  it("shows thinking that came whole", async () => {
    const block = { type: "thinking" as const, thinking: "Hm.", signature: "sig" };
    const events = await eventsOf([{ type: "thinking-end", block }]);
    expect(events.map((event) => event["delta"]).filter((delta) => delta !== undefined)).toEqual([
      { type: "thinking_delta", thinking: "Hm." },
      { type: "signature_delta", signature: "sig" },
    ]);
  });

  it("keeps the signature of thinking that is not shown", async () => {
    const block = { type: "thinking" as const, thinking: "", signature: "sig" };
    const events = await eventsOf([{ type: "thinking-end", block }]);
    expect(events.slice(2).map((event) => event["type"])).toEqual([
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
    ]);
    expect(events[3]?.["delta"]).toEqual({ type: "signature_delta", signature: "sig" });
  });

  it("that fails ends with an error, and never with message_stop", async () => {
    const error = new AppError("upstream_incomplete", "The provider broke off.");
    const events = await eventsOf([
      { type: "text-delta", text: "Hel" },
      { type: "error", error },
    ]);
    expect(events.at(-1)).toEqual({
      type: "error",
      error: { type: "api_error", message: "The provider broke off.", code: "upstream_incomplete", param: null },
      request_id: "req_1",
    });
  });
});
