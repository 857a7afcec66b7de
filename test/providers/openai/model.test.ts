import { describe, expect, inject, it } from "vitest";
import type { ChatRequest } from "../../../src/core/chat.ts";
import type { ModelCard } from "../../../src/core/model.ts";
import { sealOpenaiReasoning } from "../../../src/core/sealed-reasoning.ts";
import { createOpenAI } from "../../../src/providers/openai/model.ts";
import { collectParts } from "../collect-parts.ts";
import { callOf, describeProviderContract, failureOf, patient, readStats } from "../contract.ts";

function cardFor(name: string): ModelCard {
  return {
    id: `openai/${name}`,
    provider: "openai",
    name,
    kind: "chat",
    tier: null,
    contextWindow: 8_192,
    maxOutputTokens: 1_024,
    capabilities: ["tools", "json_schema", "images", "files", "reasoning"],
    price: null,
    staysAtEdge: false,
  };
}

const secretKey = "test-key-4f1d";
const create = (timeouts = patient, baseUrl = `${inject("scriptedProviderUrl")}/v1`) =>
  createOpenAI({ baseUrl, apiKey: secretKey, timeouts });

describeProviderContract("OpenAI's own provider", {
  create,
  cardFor,
  isClassic: false,
  carries: {
    images: true,
    files: true,
    jsonSchema: true,
    toolResults: true,
    tokenClasses: true,
    contentFilter: true,
    limits: true,
  },
});

async function sentFor(change: Partial<ChatRequest>, isStream = false) {
  const card = cardFor(`ok~${crypto.randomUUID()}`);
  if (isStream) await collectParts(await create().stream(callOf(card, change)));
  else await create().chat(callOf(card, change));
  const sent = (await readStats()).recorded.find((request) => request.model === card.name);
  return { path: sent?.path, body: sent?.body, headers: sent?.headers, model: card.name };
}

describe("OpenAI's own provider", () => {
  it("asks the Responses API, and for nothing to be kept there", async () => {
    const { path, body, headers, model } = await sentFor({
      user: "alice@example.com",
      metadata: { ticket: "7" },
      store: true,
      parapet: { feature: "help" },
      max_completion_tokens: 40,
    });
    expect(path).toBe("/v1/responses");
    expect(body).toEqual({
      model,
      input: [{ type: "message", role: "user", content: "Say hello, please." }],
      store: false,
      include: ["reasoning.encrypted_content"],
      max_output_tokens: 40,
      service_tier: "default",
    });
    expect(headers).toMatchObject({ authorization: `Bearer ${secretKey}` });
  });

  it.each<[string, Partial<ChatRequest>]>([
    ["a stop sequence", { stop: ["END"] }],
    ["a seed", { seed: 7 }],
    ["a penalty", { presence_penalty: 0.5 }],
    ["a bias", { logit_bias: { "5": 1 } }],
    ["a very short answer", { max_completion_tokens: 5 }],
    ["a name", { messages: [{ role: "user", name: "ada", content: "Hi" }] }],
    [
      "audio",
      {
        messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data: "AAAA", format: "wav" } }] }],
      },
    ],
  ])("asks chat completions for %s, which Responses cannot carry", async (_what, change) => {
    expect((await sentFor(change)).path).toBe("/v1/chat/completions");
    expect((await sentFor(change, true)).path).toBe("/v1/chat/completions");
  });

  it("gives tools to a model that reasons", async () => {
    const tools: ChatRequest["tools"] = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];
    const { path, body } = await sentFor({ tools, reasoning_effort: "high", tool_choice: "required", temperature: 1 });
    expect(path).toBe("/v1/responses");
    expect(body).toMatchObject({
      tools: [{ type: "function", name: "f", parameters: { type: "object" }, strict: false }],
      reasoning: { effort: "high" },
      tool_choice: "required",
    });
    expect(body).not.toHaveProperty("temperature");
  });

  it("takes encrypted reasoning, and gives it back as it was", async () => {
    const sealed = sealOpenaiReasoning("gAAAAABpPDIUscripted");
    const expected = [{ type: "thinking", thinking: "Let me think." }, sealed];
    const result = await create().chat(callOf(cardFor("think")));
    expect(result.thinking).toEqual(expected);
    const { parts } = await collectParts(await create().stream(callOf(cardFor("think"))));
    expect(parts.flatMap((part) => (part.type === "thinking-end" ? [part.block] : []))).toEqual(expected);
    expect(parts.flatMap((part) => (part.type === "thinking-delta" ? [part.text] : [])).join("")).toBe("Let me think.");

    const { body } = await sentFor({
      messages: [
        { role: "user", content: "Add." },
        {
          role: "assistant",
          content: "Yes.",
          thinking_blocks: [{ type: "thinking", thinking: "Claude's.", signature: "s" }, ...(result.thinking ?? [])],
        },
        { role: "user", content: "And now?" },
      ],
    });
    expect(body).toMatchObject({
      input: [
        { role: "user" },
        {
          type: "reasoning",
          summary: [{ type: "summary_text", text: "Let me think." }],
          encrypted_content: "gAAAAABpPDIUscripted",
        },
        { type: "message", role: "assistant", content: "Yes." },
        { role: "user" },
      ],
    });
    expect(JSON.stringify(body)).not.toContain("Claude's.");
  });

  it("gives the probabilities of its tokens", async () => {
    const call = callOf(cardFor("logprobs"), { logprobs: true, top_logprobs: 1 });
    const { logprobs } = await create().chat(call);
    expect(logprobs?.[0]).toMatchObject({ token: "Hello", top_logprobs: [{ token: "Hello" }] });
    const { parts } = await collectParts(await create().stream(call));
    expect(parts.flatMap((part) => (part.type === "logprobs" ? part.content : []))).toEqual(logprobs);
  });

  it("says that it cannot be reached, and follows no redirect with its key", async () => {
    expect(await failureOf(create(patient, "http://127.0.0.1:9/v1").chat(callOf(cardFor("ok"))))).toMatchObject({
      code: "upstream_error",
      message: "The provider openai could not be reached.",
    });
    expect(await failureOf(create().chat(callOf(cardFor("redirect"))))).toMatchObject({
      code: "upstream_invalid_response",
    });
  });
});
