import { describe, expect, it } from "vitest";
import type { ChatRequest } from "../../../src/core/chat.ts";
import type { ModelCard } from "../../../src/core/model.ts";
import { catalog } from "../../../src/providers/catalog.ts";
import { convertChatRequest } from "../../../src/providers/google/convert-messages.ts";

function cardOf(name: string): ModelCard {
  const card = catalog.find((each) => each.id === "google/gemini-4-argon");
  if (card === undefined) throw new Error("no card");
  return { ...card, name };
}

function convert(change: Partial<ChatRequest>, name = "gemini-4-argon") {
  return convertChatRequest({ model: "auto", messages: [{ role: "user", content: "Hi" }], ...change }, cardOf(name));
}

const tool = (name: string, strict?: boolean) => ({
  type: "function" as const,
  function: { name, description: "Does it.", parameters: { type: "object" }, ...(strict ? { strict } : {}) },
});

describe("a request for Gemini", () => {
  it("carries system messages as the instruction, in their order", () => {
    expect(
      convert({
        messages: [
          { role: "system", content: "Be kind." },
          { role: "developer", content: [{ type: "text", text: "Be brief." }] },
          { role: "user", content: "Hi" },
          { role: "assistant", content: "Hello" },
          { role: "user", content: "Bye" },
        ],
      }),
    ).toMatchObject({
      systemInstruction: { parts: [{ text: "Be kind." }, { text: "Be brief." }] },
      contents: [
        { role: "user", parts: [{ text: "Hi" }] },
        { role: "model", parts: [{ text: "Hello" }] },
        { role: "user", parts: [{ text: "Bye" }] },
      ],
    });
  });

  it("carries images, audio and files as their bytes", () => {
    const body = convert({
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image_url", image_url: { url: "data:image/png;base64,AAAA", detail: "high" } },
            { type: "input_audio", input_audio: { data: "BBBB", format: "mp3" } },
            { type: "file", file: { file_data: "data:application/pdf;base64,CCCC" } },
          ],
        },
      ],
    });
    expect(body["contents"]).toEqual([
      {
        role: "user",
        parts: [
          { text: "What is this?" },
          { inlineData: { mimeType: "image/png", data: "AAAA" } },
          { inlineData: { mimeType: "audio/mp3", data: "BBBB" } },
          { inlineData: { mimeType: "application/pdf", data: "CCCC" } },
        ],
      },
    ]);
  });

  it("carries sampling, seed, stop and log probabilities under Gemini's names", () => {
    expect(
      convert({
        temperature: 0.2,
        top_p: 0.9,
        top_k: 40,
        seed: 7,
        stop: "END",
        frequency_penalty: 0.5,
        presence_penalty: 0.25,
        logprobs: true,
        top_logprobs: 3,
        max_tokens: 50,
      })["generationConfig"],
    ).toEqual({
      temperature: 0.2,
      topP: 0.9,
      topK: 40,
      seed: 7,
      stopSequences: ["END"],
      frequencyPenalty: 0.5,
      presencePenalty: 0.25,
      responseLogprobs: true,
      logprobs: 3,
      maxOutputTokens: 50,
    });
  });

  it("carries a JSON schema unchanged", () => {
    const schema = { type: "object", properties: { a: { $ref: "#/$defs/b" } }, $defs: { b: { type: "string" } } };
    expect(
      convert({ response_format: { type: "json_schema", json_schema: { name: "s", schema } } })["generationConfig"],
    ).toEqual({ responseMimeType: "application/json", responseJsonSchema: schema });
    expect(convert({ response_format: { type: "json_object" } })["generationConfig"]).toEqual({
      responseMimeType: "application/json",
    });
  });

  it.each([
    ["auto by default", undefined, false, { mode: "AUTO" }],
    ["strict tools held to their schemas", "auto", true, { mode: "VALIDATED" }],
    ["none", "none", false, { mode: "NONE" }],
    ["any", "required", false, { mode: "ANY" }],
    ["one by name", { type: "function", function: { name: "a" } }, false, { mode: "ANY", allowedFunctionNames: ["a"] }],
    [
      "some, required",
      {
        type: "allowed_tools",
        allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "b" } }] },
      },
      false,
      { mode: "ANY", allowedFunctionNames: ["b"] },
    ],
    [
      "some, if any",
      {
        type: "allowed_tools",
        allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "b" } }] },
      },
      false,
      { mode: "VALIDATED", allowedFunctionNames: ["b"] },
    ],
  ] as const)("says which tools may be called: %s", (_what, choice, strict, functionCallingConfig) => {
    const body = convert({
      tools: [tool("a", strict), tool("b")],
      // The table's rows are readonly; the request's type is not.
      ...(choice === undefined ? {} : { tool_choice: structuredClone(choice) as ChatRequest["tool_choice"] & {} }),
    });
    expect(body["toolConfig"]).toEqual({ functionCallingConfig });
    expect(body["tools"]).toEqual([
      {
        functionDeclarations: ["a", "b"].map((name) => ({
          name,
          description: "Does it.",
          parametersJsonSchema: { type: "object" },
        })),
      },
    ]);
  });

  it("gives calls of other models the sentinel where Gemini wants a signature, and 2.5 none", () => {
    const messages: ChatRequest["messages"] = [
      { role: "user", content: "Hi" },
      {
        role: "assistant",
        tool_calls: ["1", "2"].map((id) => ({ id, type: "function", function: { name: "f", arguments: "not JSON" } })),
      },
      { role: "tool", tool_call_id: "1", content: "one" },
      { role: "tool", tool_call_id: "2", content: "two" },
    ];
    const call = (id: string) => ({ functionCall: { id, name: "f", args: { arguments: "not JSON" } } });
    const answers = {
      role: "user",
      parts: ["one", "two"].map((output, index) => ({
        functionResponse: { id: String(index + 1), name: "f", response: { output } },
      })),
    };
    expect(convert({ messages })["contents"]).toEqual([
      { role: "user", parts: [{ text: "Hi" }] },
      { role: "model", parts: [{ ...call("1"), thoughtSignature: "skip_thought_signature_validator" }, call("2")] },
      answers,
    ]);
    expect(convert({ messages }, "gemini-2.5-flash")["contents"]).toMatchObject([
      {},
      { parts: [call("1"), call("2")] },
      answers,
    ]);
  });

  it("gives a text its own signature back, and other vendors' to nobody", () => {
    const thinking_blocks = [
      { type: "thinking" as const, thinking: "Hm.", signature: "anthropic" },
      { type: "redacted_thinking" as const, data: "of another vendor" },
      { type: "redacted_thinking" as const, data: "google:sig" },
    ];
    expect(
      convert({
        messages: [
          { role: "user", content: "Hi" },
          { role: "assistant", content: "Yes", thinking_blocks },
        ],
      })["contents"],
    ).toEqual([
      { role: "user", parts: [{ text: "Hi" }] },
      { role: "model", parts: [{ text: "Yes", thoughtSignature: "sig" }] },
    ]);
  });

  it.each([
    ["gemini-4-argon", { reasoning_effort: "none" }, { thinkingLevel: "low" }],
    ["gemini-4-argon", { reasoning_effort: "xhigh" }, { thinkingLevel: "high" }],
    ["gemini-3.8-flash", { reasoning_effort: "minimal" }, { thinkingLevel: "low" }],
    ["gemini-3.5-flash-lite", { reasoning_effort: "minimal" }, { thinkingLevel: "minimal" }],
    ["gemini-3.1-pro-preview", { thinking: { type: "disabled" } }, { thinkingLevel: "low" }],
    ["gemini-4-carbon", { thinking: { type: "adaptive" } }, { includeThoughts: true }],
    [
      "gemini-4-carbon",
      { thinking: { type: "enabled", budget_tokens: 8_000 } },
      { thinkingLevel: "medium", includeThoughts: true },
    ],
    [
      "gemini-4-carbon",
      { thinking: { type: "enabled", budget_tokens: 20_000, display: "omitted" } },
      { thinkingLevel: "high" },
    ],
    ["gemini-2.5-flash", { reasoning_effort: "none" }, { thinkingBudget: 0 }],
    ["gemini-2.5-pro", { reasoning_effort: "none" }, { thinkingBudget: 128 }],
    [
      "gemini-2.5-pro",
      { thinking: { type: "enabled", budget_tokens: 99_000 } },
      { thinkingBudget: 32_768, includeThoughts: true },
    ],
  ] as [string, Partial<ChatRequest>, object][])("tells %s how much to think: %j", (name, change, thinkingConfig) => {
    expect(convert(change, name)["generationConfig"]).toEqual({ thinkingConfig });
  });

  it.each([
    ["https images", "messages.0.content.0.image_url.url", image("https://example.com/a.png"), "gemini-4-argon"],
    ["more than 5 stop sequences", "stop", { stop: ["1", "2", "3", "4", "5", "6"] }, "gemini-4-argon"],
    ["logit_bias", "logit_bias", { logit_bias: { "1": 5 } }, "gemini-4-argon"],
    ["one call at a time", "parallel_tool_calls", { tools: [tool("a")], parallel_tool_calls: false }, "gemini-4-argon"],
    [
      "JSON with tools before generation 3",
      "response_format",
      { tools: [tool("a")], response_format: { type: "json_object" } },
      "gemini-2.5-flash",
    ],
  ] as [string, string, Partial<ChatRequest>, string][])(
    "refuses %s by name, and lets another model try",
    (_what, param, change, name) => {
      expect(() => convert(change, name)).toThrow(
        expect.objectContaining({ code: "unsupported_parameter", param, retryable: true }),
      );
    },
  );

  it("says which tool result answers no call", () => {
    expect(() => convert({ messages: [{ role: "tool", tool_call_id: "x", content: "1" }] })).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "messages.0.tool_call_id" }),
    );
  });
});

function image(url: string): Partial<ChatRequest> {
  return { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] };
}
