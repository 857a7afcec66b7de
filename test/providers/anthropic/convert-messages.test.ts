import { describe, expect, it } from "vitest";
import type { ChatRequest } from "../../../src/core/chat.ts";
import { anthropicCards } from "../../../src/providers/anthropic/cards.ts";
import { convertChatRequest } from "../../../src/providers/anthropic/convert-messages.ts";

const opus = "claude-opus-5-5";
const sonnet = "claude-sonnet-5-5";
const haiku = "claude-haiku-5-5";
const haiku45 = "claude-haiku-4-5";

function bodyFor(model: string, change: Partial<ChatRequest>): Record<string, unknown> {
  const card = anthropicCards.find((candidate) => candidate.name === model);
  if (card === undefined) throw new Error(`no card ${model}`);
  return convertChatRequest({ model: "auto", messages: [{ role: "user", content: "hi" }], ...change }, card);
}

const text = (value: string) => ({ type: "text", text: value });
const tools: ChatRequest["tools"] = [
  { type: "function", function: { name: "one", parameters: { type: "object", properties: {} } } },
  { type: "function", function: { name: "two" } },
];

describe("a conversation on Anthropic's wire", () => {
  it("has its instructions apart, and its turns alternate", () => {
    const body = bodyFor(opus, {
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "a" },
        { role: "developer", content: [{ type: "text", text: "Be kind.", cache_control: { type: "ephemeral" } }] },
        { role: "user", content: "b" },
      ],
    });
    expect(body["system"]).toEqual([text("Be brief."), { ...text("Be kind."), cache_control: { type: "ephemeral" } }]);
    expect(body["messages"]).toEqual([{ role: "user", content: [text("a"), text("b")] }]);
  });

  it("gives the results of a turn's tools as one turn, with what the user adds", () => {
    const { messages } = bodyFor(opus, {
      messages: [
        { role: "user", content: "Weather?" },
        {
          role: "assistant",
          content: "Looking.",
          thinking_blocks: [
            { type: "thinking", thinking: "", signature: "sig" },
            { type: "thinking", thinking: "unsigned" },
            { type: "redacted_thinking", data: "EmwK" },
            { type: "redacted_thinking", data: "openai:gAAAAA" },
          ],
          tool_calls: [
            { id: "call:1", type: "function", function: { name: "one", arguments: '{"a":1}' } },
            { id: "call_2", type: "function", function: { name: "two", arguments: "not JSON" } },
          ],
        },
        { role: "tool", tool_call_id: "call:1", content: "sun" },
        { role: "tool", tool_call_id: "call_2", content: "rain", cache_control: { type: "ephemeral", ttl: "1h" } },
        { role: "user", content: "And now?" },
      ],
    });
    expect(messages).toEqual([
      { role: "user", content: [text("Weather?")] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "", signature: "sig" },
          { type: "redacted_thinking", data: "EmwK" },
          text("Looking."),
          { type: "tool_use", id: "call_1", name: "one", input: { a: 1 } },
          { type: "tool_use", id: "call_2", name: "two", input: {} },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "call_1", content: [text("sun")] },
          {
            type: "tool_result",
            tool_use_id: "call_2",
            content: [text("rain")],
            cache_control: { type: "ephemeral", ttl: "1h" },
          },
          text("And now?"),
        ],
      },
    ]);
  });

  it("begins with its user, whoever spoke first", () => {
    const { messages } = bodyFor(opus, {
      messages: [
        { role: "assistant", content: "Welcome!" },
        { role: "user", content: "hi" },
      ],
    });
    expect(messages).toMatchObject([{ role: "user" }, { role: "assistant" }, { role: "user" }]);
  });

  it("carries images and files", () => {
    const { messages } = bodyFor(opus, {
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: "https://example.com/a.png" } },
            { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } },
            { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,aGk=" } },
            { type: "file", file: { file_data: "data:text/plain;base64,aMOpIQ==" } },
          ],
        },
      ],
    });
    expect(messages).toEqual([
      {
        role: "user",
        content: [
          { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
          { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } },
          {
            type: "document",
            title: "a.pdf",
            source: { type: "base64", media_type: "application/pdf", data: "aGk=" },
          },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "hé!" } },
        ],
      },
    ]);
  });

  it("continues the assistant's words only where the model does, without white space at their end", () => {
    const messages: ChatRequest["messages"] = [
      { role: "user", content: "Sun in Greek?" },
      { role: "assistant", content: "It is " },
    ];
    expect(bodyFor(haiku45, { messages })["messages"]).toMatchObject([
      { role: "user" },
      { role: "assistant", content: [text("It is")] },
    ]);
    expect(() => bodyFor(opus, { messages })).toThrow(
      expect.objectContaining({ code: "unsupported_parameter", param: "messages", retryable: true }),
    );
  });

  it.each([
    [
      "audio",
      { messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data: "", format: "wav" } }] }] },
    ],
    ["a stop sequence of white space", { stop: "\n" }],
  ] satisfies [string, Partial<ChatRequest>][])("leaves %s to another candidate", (_what, change) => {
    expect(() => bodyFor(opus, change)).toThrow(
      expect.objectContaining({ code: "unsupported_parameter", retryable: true }),
    );
  });

  it("limits every answer, at the standard price", () => {
    expect(bodyFor(haiku45, {})).toMatchObject({ max_tokens: 64_000, service_tier: "standard_only" });
    expect(bodyFor(opus, { max_tokens: 5, stop: "END" })).toMatchObject({ max_tokens: 5, stop_sequences: ["END"] });
  });
});

describe("tools on Anthropic's wire", () => {
  it.each([
    ["left to the model", {}, undefined],
    ["auto", { tool_choice: "auto" }, { type: "auto" }],
    ["none", { tool_choice: "none" }, { type: "none" }],
    ["required", { tool_choice: "required" }, { type: "any" }],
    ["one by name", { tool_choice: { type: "function", function: { name: "two" } } }, { type: "tool", name: "two" }],
    ["one at a time", { parallel_tool_calls: false }, { type: "auto", disable_parallel_tool_use: true }],
    [
      "required, one at a time",
      { tool_choice: "required", parallel_tool_calls: false },
      { type: "any", disable_parallel_tool_use: true },
    ],
  ] satisfies [string, Partial<ChatRequest>, unknown][])("are chosen: %s", (_what, change, expected) => {
    expect(bodyFor(haiku, { tools, ...change })["tool_choice"]).toEqual(expected);
  });

  it("are shown only as far as they are allowed", () => {
    const allowed = { type: "function" as const, function: { name: "two" } };
    const body = bodyFor(haiku, {
      tools,
      tool_choice: { type: "allowed_tools", allowed_tools: { mode: "required", tools: [allowed] } },
    });
    expect(body["tools"]).toEqual([{ name: "two", input_schema: { type: "object", properties: {} } }]);
    expect(body["tool_choice"]).toEqual({ type: "any" });
  });

  it("are forced only on a model that does not think meanwhile", () => {
    expect(bodyFor(haiku, { tools, tool_choice: "required" })["thinking"]).toEqual({ type: "disabled" });
    for (const model of [opus, sonnet]) {
      expect(() => bodyFor(model, { tools, tool_choice: "required" })).toThrow(
        expect.objectContaining({ code: "unsupported_parameter", param: "tool_choice", retryable: true }),
      );
    }
    expect(() => bodyFor(haiku, { tools, tool_choice: "required", thinking: { type: "adaptive" } })).toThrow(
      expect.objectContaining({ param: "tool_choice" }),
    );
  });

  it("are strict with the schema Anthropic enforces", () => {
    const parameters = { type: "object", properties: { n: { type: "integer", minimum: 1 } }, required: ["n"] };
    const strict: ChatRequest["tools"] = [{ type: "function", function: { name: "one", parameters, strict: true } }];
    expect(bodyFor(opus, { tools: strict })["tools"]).toEqual([
      {
        name: "one",
        strict: true,
        input_schema: {
          type: "object",
          properties: { n: { type: "integer" } },
          required: ["n"],
          additionalProperties: false,
        },
      },
    ]);
  });
});

describe("thinking on Anthropic's wire", () => {
  it.each([
    ["an effort", opus, { reasoning_effort: "high" }, { type: "adaptive" }, "high"],
    ["the least effort", opus, { reasoning_effort: "minimal" }, { type: "adaptive" }, "low"],
    ["a budget", opus, { thinking: { type: "enabled", budget_tokens: 10_000 } }, { type: "adaptive" }, "medium"],
    [
      "shown thinking",
      sonnet,
      { thinking: { type: "adaptive", display: "summarized" } },
      { type: "adaptive", display: "summarized" },
      undefined,
    ],
    ["none, where it always thinks", opus, { reasoning_effort: "none" }, undefined, "low"],
    [
      "none, where it must think between tools",
      sonnet,
      { reasoning_effort: "none" },
      { type: "between_tools" },
      undefined,
    ],
    ["none", haiku, { thinking: { type: "disabled" } }, { type: "disabled" }, undefined],
    ["nothing", opus, {}, undefined, undefined],
    [
      "an effort, by budget",
      haiku45,
      { reasoning_effort: "low" },
      { type: "enabled", budget_tokens: 2_048 },
      undefined,
    ],
    [
      "more than the answer may be long",
      haiku45,
      { thinking: { type: "enabled", budget_tokens: 8_000 }, max_tokens: 4_000 },
      { type: "enabled", budget_tokens: 3_999 },
      undefined,
    ],
    ["an answer too short to think", haiku45, { reasoning_effort: "high", max_tokens: 500 }, undefined, undefined],
  ] satisfies [string, string, Partial<ChatRequest>, unknown, unknown][])(
    "is told: %s",
    (_what, model, change, thinking, effort) => {
      const body = bodyFor(model, change);
      expect(body["thinking"]).toEqual(thinking);
      expect(body["output_config"]).toEqual(effort === undefined ? undefined : { effort });
    },
  );

  it("excludes sampling, which newer models refuse altogether", () => {
    const sampled: Partial<ChatRequest> = { temperature: 1.5, top_p: 0.9, top_k: 5 };
    expect(bodyFor(haiku45, sampled)).toMatchObject({ temperature: 1, top_k: 5 });
    expect(bodyFor(haiku45, sampled)).not.toHaveProperty("top_p");
    for (const body of [bodyFor(opus, sampled), bodyFor(haiku45, { ...sampled, reasoning_effort: "high" })]) {
      for (const name of ["temperature", "top_p", "top_k"]) expect(body).not.toHaveProperty(name);
    }
  });
});

describe("a JSON schema on Anthropic's wire", () => {
  const formatOf = (schema: Record<string, unknown>) =>
    bodyFor(opus, { response_format: { type: "json_schema", json_schema: { name: "s", schema } } })["output_config"];

  it("is sent without what Anthropic's grammar refuses", () => {
    const schema = {
      type: "object",
      properties: {
        kind: { enum: ["a", "b"] },
        tags: { type: "array", items: { type: "string", maxLength: 5 }, maxItems: 3 },
        either: {
          oneOf: [
            { type: "string", format: "date" },
            { type: "number", minimum: 0 },
          ],
        },
        inner: { $ref: "#/$defs/inner" },
      },
      required: ["kind"],
      $defs: { inner: { type: "object", properties: { x: { type: "null" } } } },
    };
    expect(formatOf(schema)).toEqual({
      format: {
        type: "json_schema",
        schema: {
          type: "object",
          properties: {
            kind: { enum: ["a", "b"] },
            tags: { type: "array", items: { type: "string" } },
            either: { anyOf: [{ type: "string", format: "date" }, { type: "number" }] },
            inner: { $ref: "#/$defs/inner" },
          },
          required: ["kind"],
          additionalProperties: false,
          $defs: { inner: { type: "object", properties: { x: { type: "null" } }, additionalProperties: false } },
        },
      },
    });
  });

  it.each([
    ["a map with free keys", { type: "object", additionalProperties: { type: "string" } }],
    ["any object", { type: "object" }],
    ["a negation", { type: "object", properties: { a: { not: { type: "string" } } } }],
  ])("is left to the gateway's validation where it says %s", (_what, schema) => {
    expect(formatOf(schema)).toBeUndefined();
  });
});
