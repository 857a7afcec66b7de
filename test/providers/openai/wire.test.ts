import { describe, expect, it } from "vitest";
import failed from "../../fixtures/providers/openai/response-failed.json";
import incomplete from "../../fixtures/providers/openai/response-incomplete.json";
import reasoning from "../../fixtures/providers/openai/response-reasoning.json";
import streamFailed from "../../fixtures/providers/openai/response-stream-failed.sse?raw";
import streamQuota from "../../fixtures/providers/openai/response-stream-quota.sse?raw";
import streamReasoning from "../../fixtures/providers/openai/response-stream-reasoning.sse?raw";
import streamText from "../../fixtures/providers/openai/response-stream.sse?raw";
import toolCall from "../../fixtures/providers/openai/response-tool-call.json";
import whole from "../../fixtures/providers/openai/response.json";
import type { AppError } from "../../../src/core/errors.ts";
import type { StreamPart } from "../../../src/core/model.ts";
import { sealOpenaiReasoning } from "../../../src/core/sealed-reasoning.ts";
import { createEventDecoder } from "../../../src/providers/event-stream.ts";
import { mapErrorBody } from "../../../src/providers/openai-compatible/map-error.ts";
import { createEventReader } from "../../../src/providers/openai/event-reader.ts";
import { nameResponseError } from "../../../src/providers/openai/map-error.ts";
import { toChatResult } from "../../../src/providers/openai/model.ts";
import { responseBody } from "../../../src/providers/openai/wire.ts";

const context = { provider: "openai", apiKey: null, nowMs: 0 };
const readWhole = (body: unknown) => toChatResult(responseBody.parse(body), "m");

function read(text: string): StreamPart[] {
  const reader = createEventReader({
    provider: "openai",
    model: "m",
    onError: (error) => mapErrorBody(nameResponseError(error), context),
  });
  const parts = createEventDecoder()
    .push(new TextEncoder().encode(text))
    .flatMap((event) => reader.read(event));
  return [...parts, ...reader.end()];
}

function failureOf(work: () => unknown): AppError {
  try {
    work();
  } catch (cause) {
    return cause as AppError;
  }
  throw new Error("it succeeded");
}

describe("OpenAI's documented responses", () => {
  it("are read with their text and count", () => {
    expect(readWhole(whole)).toMatchObject({
      id: "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
      model: "gpt-4.1-2025-04-14",
      content: expect.stringContaining("Lumina"),
      finishReason: "stop",
      usage: { inputTokens: 36, outputTokens: 87 },
    });
  });

  it("are read with their calls, and without the details of a count that has none", () => {
    expect(readWhole(toolCall)).toMatchObject({
      content: null,
      finishReason: "tool_calls",
      toolCalls: [{ id: "call_unLAR8MvFNptuiZK6K6HCy5k", function: { name: "get_current_weather" } }],
      usage: { inputTokens: 291, cachedInputTokens: 0, outputTokens: 23 },
    });
  });

  it("are read with their reasoning, and several messages as paragraphs", () => {
    expect(readWhole(reasoning)).toMatchObject({
      content: "I add first.\n\n570",
      thinking: [{ type: "thinking", thinking: "**Adding**\n\n**Checking**" }, sealOpenaiReasoning("gAAAAABpPDIVOKrs")],
      usage: { inputTokens: 13, cachedInputTokens: 8, cacheWriteInputTokens: 4, reasoningTokens: 64 },
    });
  });

  it("say where they were cut", () => {
    expect(readWhole(incomplete).finishReason).toBe("length");
    const filtered = { ...incomplete, incomplete_details: { reason: "content_filter" } };
    expect(readWhole(filtered).finishReason).toBe("content_filter");
  });

  it("are none while they are not finished", () => {
    expect(failureOf(() => readWhole({ ...whole, status: "queued" })).code).toBe("upstream_invalid_response");
    expect(failureOf(() => readWhole({ ...failed, error: null })).code).toBe("upstream_invalid_response");
  });

  it("may hold items nobody asked for", () => {
    const output = [{ type: "compaction", id: "cmp_1" }, ...whole.output];
    expect(readWhole({ ...whole, output }).content).toContain("Lumina");
    expect(() => readWhole({ ...whole, output: [{ type: "function_call", name: "f" }] })).toThrow();
  });
});

describe("OpenAI's documented events", () => {
  it("are read as text", () => {
    expect(read(streamText)).toEqual([
      { type: "start", id: "resp_67c9fdcecf488190bdd9a0409de3a1ec07b8b0ad4e5eb654", model: "gpt-4.1-2025-04-14" },
      { type: "text-delta", text: "Hi" },
      { type: "text-delta", text: " there! How can I assist you today?" },
      { type: "finish", reason: "stop" },
      { type: "usage", usage: expect.objectContaining({ inputTokens: 37, outputTokens: 11 }) },
    ]);
  });

  it("are read as reasoning and calls", () => {
    const parts = read(streamReasoning);
    const shown = parts.flatMap((part) => (part.type === "thinking-delta" ? [part.text] : [])).join("");
    expect(parts.filter((part) => part.type === "thinking-end")).toEqual([
      { type: "thinking-end", block: { type: "thinking", thinking: shown } },
      { type: "thinking-end", block: sealOpenaiReasoning("gAAAAABpPDIVOKrs") },
    ]);
    expect(shown).toBe("**Adding**\n\n**Checking**");
    expect(parts.filter((part) => part.type === "tool-call-delta")).toEqual([
      { type: "tool-call-delta", index: 0, id: "call_AB6AaRZ1FYZB2RwS6A5vbdqn", name: "calculator", arguments: "" },
      { type: "tool-call-delta", index: 0, arguments: '{"a"' },
      { type: "tool-call-delta", index: 0, arguments: ":12}" },
    ]);
    expect(parts.at(-2)).toEqual({ type: "finish", reason: "tool_calls" });
  });

  it.each([
    ["an error in the stream", streamQuota, { code: "upstream_rate_limited", retryable: true }],
    ["a failed response", streamFailed, { code: "upstream_rate_limited", retryable: true }],
    [
      "a stream that stops before its response is completed",
      streamText.slice(0, streamText.indexOf("event: response.completed")),
      { code: "upstream_incomplete", retryable: true },
    ],
  ])("fail with %s", (_what, text, expected) => {
    expect(failureOf(() => read(text))).toMatchObject(expected);
  });

  it.each([
    ["bio_policy", "upstream_content_filter", false],
    ["invalid_prompt", "upstream_content_filter", false],
    ["invalid_image_url", "upstream_rejected", false],
    ["image_too_large", "upstream_rejected", false],
    ["server_error", "upstream_error", true],
  ])("class the failure %s", (code, expected, retryable) => {
    const error = mapErrorBody(nameResponseError({ code, message: "no" }), context);
    expect(error).toMatchObject({ code: expected, retryable });
  });
});
