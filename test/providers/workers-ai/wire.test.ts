import { describe, expect, it } from "vitest";
import chatCompletion from "../../fixtures/providers/workers-ai/chat-completion.json";
import chatCompletionStream from "../../fixtures/providers/workers-ai/chat-completion.sse?raw";
import classicJson from "../../fixtures/providers/workers-ai/classic-json.json";
import classicToolCall from "../../fixtures/providers/workers-ai/classic-tool-call.json";
import classic from "../../fixtures/providers/workers-ai/classic.json";
import classicStream from "../../fixtures/providers/workers-ai/classic.sse?raw";
import embedding from "../../fixtures/providers/workers-ai/embedding.json";
import { catalog } from "../../../src/providers/catalog.ts";
import { mapError } from "../../../src/providers/workers-ai/map-error.ts";
import { createWorkersAI, type AIBinding } from "../../../src/providers/workers-ai/model.ts";
import { convertChatRequest } from "../../../src/providers/workers-ai/convert-messages.ts";
import { callOf, patient } from "../contract.ts";
import { collectParts } from "../collect-parts.ts";

const glm = catalog.find((card) => card.name === "@cf/zai-org/glm-4.7-flash");
const llama = catalog.find((card) => card.name.startsWith("@cf/meta/"));
if (glm === undefined || llama === undefined) throw new Error("the catalogue lacks a Workers AI model");

function answering(output: unknown) {
  const binding: AIBinding = { run: () => Promise.resolve(output) };
  return createWorkersAI(binding, { timeouts: patient });
}

function streaming(text: string) {
  const body = new Response(text).body;
  return answering(body);
}

describe("Workers AI's documented bodies", () => {
  it("reads a classic answer", async () => {
    expect(await answering(classic).chat(callOf(llama))).toMatchObject({
      content: "Hello, World first appeared in a 1972 tutorial by Brian Kernighan.",
      finishReason: "stop",
      usage: { inputTokens: 26, outputTokens: 15 },
    });
  });

  it("reads JSON mode's object as text", async () => {
    const { content, usage } = await answering(classicJson).chat(callOf(llama));
    expect(JSON.parse(content ?? "")).toEqual(classicJson.response);
    expect(usage).toBeNull();
  });

  it("reads a classic tool call, and takes a count of nothing for none", async () => {
    const { toolCalls, finishReason, usage } = await answering(classicToolCall).chat(callOf(llama));
    expect(toolCalls[0]?.function).toEqual({
      name: "getWeather",
      arguments: '{"latitude":"51.5074","longitude":"-0.1278"}',
    });
    expect({ finishReason, usage }).toEqual({ finishReason: "tool_calls", usage: null });
  });

  it("reads an answer in OpenAI's shape, without its thoughts", async () => {
    expect(await answering(chatCompletion).chat(callOf(glm))).toMatchObject({
      id: "id-1788160814069",
      content: "Seven.",
      usage: { inputTokens: 14, outputTokens: 9, reasoningTokens: 5 },
    });
  });

  it("reads a classic stream, whose numbers are text", async () => {
    const { text, parts, failure } = await collectParts(await streaming(classicStream).stream(callOf(llama)));
    expect({ text, failure }).toEqual({ text: "There are 7", failure: null });
    expect(parts.at(-1)).toMatchObject({ type: "usage", usage: { inputTokens: 26, outputTokens: 3 } });
  });

  it("reads a stream in OpenAI's shape", async () => {
    const { text, parts, failure } = await collectParts(await streaming(chatCompletionStream).stream(callOf(glm)));
    expect({ text, failure }).toEqual({ text: "Seven.", failure: null });
    expect(parts.slice(-2).map((part) => part.type)).toEqual(["finish", "usage"]);
  });

  it("reads embeddings", async () => {
    const call = { card: glm, inputs: ["a", "b"], signal: new AbortController().signal, traceparent: "" };
    expect((await answering(embedding).embed(call)).vectors).toEqual(embedding.data);
  });
});

describe("what is sent to Workers AI", () => {
  it("switches thinking off unless it was asked for", () => {
    const { request } = callOf(glm);
    expect(convertChatRequest(request, glm, false)).toMatchObject({ chat_template_kwargs: { enable_thinking: false } });
    expect(convertChatRequest({ ...request, reasoning_effort: "high" }, glm, false)).toMatchObject({
      chat_template_kwargs: { enable_thinking: true },
    });
    expect(convertChatRequest(request, llama, false)).not.toHaveProperty("chat_template_kwargs");
  });

  it("gives classic models plain text and a bare schema", () => {
    const { request } = callOf(llama, {
      messages: [
        { role: "developer", content: "be kind" },
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
      ],
      response_format: { type: "json_schema", json_schema: { name: "n", schema: { type: "object" } } },
      user: "alice",
    });
    expect(convertChatRequest(request, llama, false)).toEqual({
      messages: [
        { role: "system", content: "be kind" },
        { role: "user", content: "a\nb" },
      ],
      response_format: { type: "json_schema", json_schema: { type: "object" } },
    });
  });
});

describe("Workers AI's errors", () => {
  const nowMs = Date.UTC(2026, 10, 21, 18);
  it.each([
    ["5007: No such model @cf/x or task", "model_unavailable", true, null],
    ["AiError: 3040: No more data centers to forward the request to", "upstream_rate_limited", true, null],
    [
      "3036: You have used up your daily free allocation of 10,000 neurons.",
      "upstream_rate_limited",
      true,
      6 * 3_600_000,
    ],
    ["3007: Request timeout", "upstream_timeout", true, null],
    ["5006: Error: oneOf at '/' not met", "upstream_rejected", false, null],
    [
      "5021: The estimated number of tokens exceeded this model context window limit",
      "context_length_exceeded",
      true,
      null,
    ],
    ["5018: The account is not allowed to access this model", "upstream_auth", false, null],
    ["InferenceUpstreamError: 5024: JSON Mode couldn't be met", "upstream_invalid_response", true, null],
    ["something else", "upstream_error", true, null],
  ])("%s", (message, code, retryable, retryAfterMs) => {
    expect(mapError(new Error(message), { nowMs })).toMatchObject({ code, retryable, retryAfterMs });
  });

  it("passes on how to start a local model", () => {
    const error = mapError(new Error("model_unavailable: nothing answers at http://x; start one with `npm run dev`."), {
      nowMs,
    });
    expect(error).toMatchObject({ code: "model_unavailable", retryable: true });
    expect(error.message).toBe("Nothing answers at http://x; start one with `npm run dev`.");
  });

  it("asks again without a signal where the binding cannot carry one, and only once", async () => {
    const seen: boolean[] = [];
    const binding: AIBinding = {
      run(_model, _inputs, options) {
        seen.push(options?.signal !== undefined);
        if (options?.signal)
          return Promise.reject(new DOMException("AbortSignal serialization is not enabled.", "DataCloneError"));
        return Promise.resolve(classic);
      },
    };
    const model = createWorkersAI(binding, { timeouts: patient });
    await model.chat(callOf(llama));
    await model.chat(callOf(llama));
    expect(seen).toEqual([true, false, false]);
  });
});
