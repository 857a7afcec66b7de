import { describe, expect, it } from "vitest";
import badKey from "../../fixtures/providers/google/error-api-key.json";
import quota from "../../fixtures/providers/google/error-quota.json";
import thinkingLevel from "../../fixtures/providers/google/error-thinking-level.json";
import tooLong from "../../fixtures/providers/google/error-too-long.json";
import embeddings from "../../fixtures/providers/google/embeddings.json";
import blocked from "../../fixtures/providers/google/prompt-blocked.json";
import streamSignature from "../../fixtures/providers/google/stream-signature.sse?raw";
import streamToolCall from "../../fixtures/providers/google/stream-tool-call.sse?raw";
import text from "../../fixtures/providers/google/text.json";
import usage from "../../fixtures/providers/google/usage-cached-audio.json";
import type { StreamPart } from "../../../src/core/model.ts";
import { createEventDecoder } from "../../../src/providers/event-stream.ts";
import { createEventReader } from "../../../src/providers/google/event-reader.ts";
import { mapFailure } from "../../../src/providers/google/map-error.ts";
import { batchEmbedContentsResponse, findError, toTokenUsage } from "../../../src/providers/google/wire.ts";

function createReader(withSignature = false) {
  return createEventReader({ provider: "google", model: "m", withSignature, onError: () => new Error("unexpected") });
}

function readStream(events: string, withSignature = false): StreamPart[] {
  const reader = createReader(withSignature);
  const parts = createEventDecoder()
    .push(new TextEncoder().encode(events))
    .flatMap((event) => reader.read(event));
  return [...parts, ...reader.end()];
}

function readWhole(value: unknown): StreamPart[] {
  const reader = createReader();
  return [...reader.readResponse(value), ...reader.end()];
}

const answerThat = (finishReason: string, parts: object[] = [{ text: "Well" }]) => ({
  candidates: [{ content: { parts, role: "model" }, finishReason, index: 0 }],
});

describe("Gemini's documented bodies", () => {
  it("reads an answer", () => {
    expect(readWhole(text)).toEqual([
      { type: "start", id: "kNiDavuDIcja_uMP8tCj-QU", model: "gemini-3.7-flash" },
      { type: "text-delta", text: "Hello! How can I help you today?" },
      { type: "finish", reason: "stop" },
      {
        type: "usage",
        usage: { inputTokens: 2, cachedInputTokens: 0, outputTokens: 9, reasoningTokens: 0, estimated: false },
      },
    ]);
  });

  it("reads a stream, whose counts grow and are not added up", () => {
    expect(readStream(streamSignature)).toEqual([
      { type: "start", id: "WQuqavG5KbfUjMcPuP_n6QI", model: "gemini-3.7-flash" },
      { type: "text-delta", text: "fixture ok" },
      { type: "finish", reason: "stop" },
      {
        type: "usage",
        usage: { inputTokens: 7, cachedInputTokens: 0, outputTokens: 96, reasoningTokens: 94, estimated: false },
      },
    ]);
  });

  it("hands out the signature of a text, even an empty one, to a caller that asked for thinking", () => {
    expect(readStream(streamSignature, true)).toContainEqual({
      type: "thinking-end",
      block: { type: "redacted_thinking", data: "google:EqkECqYEARFNMg" },
    });
  });

  it("reads a streamed tool call with its signature; its STOP means the call", () => {
    const parts = readStream(streamToolCall);
    expect(parts).toContainEqual({
      type: "tool-call-delta",
      index: 0,
      id: expect.stringMatching(/^call_/),
      name: "weather",
      arguments: '{"location":"San Francisco"}',
      extraContent: { google: { thought_signature: "EpEgCo4gAb4" } },
    });
    expect(parts).toContainEqual({ type: "finish", reason: "tool_calls" });
  });

  it("names a blocked prompt, and nobody goes round it", () => {
    expect(() => readWhole(blocked)).toThrow(
      expect.objectContaining({ code: "upstream_content_filter", retryable: false }),
    );
  });

  it.each([
    ["MAX_TOKENS", "length"],
    ["SAFETY", "content_filter"],
    ["RECITATION", "content_filter"],
    ["PROHIBITED_CONTENT", "content_filter"],
  ])("takes %s for %s", (finishReason, reason) => {
    expect(readWhole(answerThat(finishReason))).toContainEqual({ type: "finish", reason });
  });

  it.each([
    ["MALFORMED_FUNCTION_CALL", "upstream_invalid_response"],
    ["UNEXPECTED_TOOL_CALL", "upstream_invalid_response"],
    ["OTHER", "upstream_incomplete"],
    ["SOMETHING_NEW", "upstream_incomplete"],
  ])("takes %s for the failure it is", (finishReason, code) => {
    expect(() => readWhole(answerThat(finishReason))).toThrow(expect.objectContaining({ code, retryable: true }));
  });

  it("takes an answer without a finish reason for one that broke off", () => {
    const { candidates } = answerThat("STOP");
    const cut = { candidates: candidates.map(({ content, index }) => ({ content, index })) };
    expect(() => readWhole(cut)).toThrow(expect.objectContaining({ code: "upstream_incomplete" }));
  });

  it("reads how likely the tokens were", () => {
    const value = {
      candidates: [
        {
          ...answerThat("STOP").candidates[0],
          logprobsResult: {
            chosenCandidates: [{ token: "é", logProbability: -0.5 }],
            topCandidates: [{ candidates: [{ token: "é", logProbability: -0.5 }] }],
          },
        },
      ],
    };
    const token = { token: "é", logprob: -0.5, bytes: [195, 169] };
    expect(readWhole(value)).toContainEqual({ type: "logprobs", content: [{ ...token, top_logprobs: [token] }] });
  });

  it("counts in disjoint classes: cached audio is cached, tool prompts are input, thoughts are output", () => {
    expect(toTokenUsage({ ...usage })).toEqual({
      inputTokens: 2463,
      cachedInputTokens: 1024,
      audioInputTokens: 896,
      outputTokens: 96,
      reasoningTokens: 56,
      estimated: false,
    });
  });

  it("reads vectors and their count", () => {
    const parsed = batchEmbedContentsResponse.parse(embeddings);
    expect(parsed.embeddings.map(({ values }) => values.length)).toEqual([2, 2]);
    expect(parsed.usageMetadata?.promptTokenCount).toBe(12);
  });

  const context = { provider: "google", apiKey: "k-1", nowMs: 0, headers: null };
  it.each([
    ["a spent quota", 429, quota, { code: "upstream_rate_limited", retryable: true, retryAfterMs: 34_400 }],
    ["a prompt that is too long", 400, tooLong, { code: "context_length_exceeded", retryable: true }],
    ["a wrong key", 400, badKey, { code: "upstream_auth", retryable: false }],
    ["a thinking level it lacks", 400, thinkingLevel, { code: "upstream_rejected", retryable: false }],
    ["an error in a stream", 200, quota, { code: "upstream_rate_limited" }],
    ["an overload", 503, null, { code: "upstream_error", retryable: true }],
  ])("knows %s", (_what, status, body, expected) => {
    expect(mapFailure(status, findError(body), context)).toMatchObject(expected);
  });

  it("tells nobody the key, should an error repeat it", () => {
    const failure = mapFailure(400, { message: "k-1 is bad" }, context);
    expect(failure.message + (failure.internal ?? "")).not.toContain("k-1");
  });
});
