import { describe, expect, it } from "vitest";
import { chatRequest } from "../../../src/core/chat.ts";
import { AppError } from "../../../src/core/errors.ts";
import { invalidRequest, toAnthropicErrorBody } from "../../../src/http/error-response.ts";
import { messagesRequest } from "../../../src/http/messages/request.ts";
import { toChatRequest } from "../../../src/http/messages/to-chat-request.ts";
import { anthropicCards } from "../../../src/providers/anthropic/cards.ts";

const find = (id: string) => anthropicCards.find((card) => card.id === id) ?? null;
const asked = { model: "auto", max_tokens: 100, messages: [{ role: "user", content: "hi" }] };

function convert(change: object) {
  const chat = toChatRequest(messagesRequest.parse({ ...asked, ...change }), find);
  // What is handed to the gateway is what a chat completion could have asked for.
  expect(chatRequest.safeParse(chat).error).toBeUndefined();
  return chat;
}

const mark = { type: "ephemeral" as const };

describe("a Messages request", () => {
  it("says the same as a chat completion", () => {
    const chat = convert({
      system: [{ type: "text", text: "Be brief.", cache_control: mark }],
      stop_sequences: ["END"],
      stream: true,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
      metadata: { user_id: "u1" },
      service_tier: "auto",
      thinking: { type: "adaptive", display: "summarized" },
      output_config: { effort: "max", format: { type: "json_schema", schema: { type: "object" } } },
      parapet: { feature: "help" },
    });
    expect(chat).toEqual({
      model: "auto",
      messages: [
        { role: "system", content: [{ type: "text", text: "Be brief.", cache_control: mark }] },
        { role: "user", content: "hi" },
      ],
      max_completion_tokens: 100,
      stop: ["END"],
      stream: true,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
      user: "u1",
      thinking: { type: "adaptive", display: "summarized" },
      reasoning_effort: "xhigh",
      response_format: {
        type: "json_schema",
        json_schema: { name: "answer", schema: { type: "object" }, strict: true },
      },
      parapet: { feature: "help" },
    });
  });

  it("keeps the order of thinking and calls, and puts results before what the user adds", () => {
    const { messages } = convert({
      messages: [
        { role: "user", content: "Weather?" },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "First.", signature: "s1" },
            { type: "text", text: "Looking." },
            { type: "redacted_thinking", data: "EmwK" },
            { type: "tool_use", id: "toolu_1", name: "get_weather", input: { city: "Paris" } },
          ],
        },
        {
          role: "user",
          content: [
            { type: "text", text: "And?" },
            {
              type: "tool_result",
              tool_use_id: "toolu_1",
              is_error: true,
              content: [
                { type: "text", text: "no such city" },
                { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } },
              ],
              cache_control: mark,
            },
          ],
        },
      ],
    });
    expect(messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: [{ type: "text", text: "Looking." }],
        thinking_blocks: [{ type: "thinking", thinking: "First.", signature: "s1" }],
      },
      {
        role: "assistant",
        content: null,
        thinking_blocks: [{ type: "redacted_thinking", data: "EmwK" }],
        tool_calls: [
          { id: "toolu_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Paris"}' } },
        ],
      },
      { role: "tool", tool_call_id: "toolu_1", content: "Error: no such city", cache_control: mark },
      {
        role: "user",
        content: [
          { type: "text", text: "And?" },
          { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } },
        ],
      },
    ]);
  });

  it("carries images and documents", () => {
    const { messages } = convert({
      messages: [
        {
          role: "user",
          content: [
            { type: "image", source: { type: "url", url: "https://example.com/a.png" }, cache_control: mark },
            {
              type: "document",
              title: "a.pdf",
              source: { type: "base64", media_type: "application/pdf", data: "aGk=" },
            },
            { type: "document", title: "notes", source: { type: "text", media_type: "text/plain", data: "Hé." } },
          ],
        },
      ],
    });
    expect(messages).toEqual([
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "https://example.com/a.png" }, cache_control: mark },
          { type: "file", file: { file_data: "data:application/pdf;base64,aGk=", filename: "a.pdf" } },
          { type: "text", text: "notes:\nHé." },
        ],
      },
    ]);
  });

  it("puts its own cache mark at the end of the prompt", () => {
    const { messages } = convert({ cache_control: { type: "ephemeral", ttl: "1h" } });
    expect(messages).toEqual([
      { role: "user", content: [{ type: "text", text: "hi", cache_control: { type: "ephemeral", ttl: "1h" } }] },
    ]);
  });

  it.each([
    [{ type: "auto" }, "auto", undefined],
    [{ type: "any", disable_parallel_tool_use: true }, "required", false],
    [{ type: "none" }, "none", undefined],
    [{ type: "tool", name: "f" }, { type: "function", function: { name: "f" } }, undefined],
  ])("chooses tools: %j", (choice, expected, parallel) => {
    const tools = [
      { name: "f", description: "d", input_schema: { type: "object" }, strict: true, cache_control: mark },
    ];
    const chat = convert({ tools, tool_choice: choice });
    expect(chat.tools).toEqual([
      {
        type: "function",
        function: { name: "f", description: "d", parameters: { type: "object" }, strict: true },
        cache_control: mark,
      },
    ]);
    expect(chat.tool_choice).toEqual(expected);
    expect(chat.parallel_tool_calls).toBe(parallel);
  });

  it.each([
    ["auto", "auto"],
    ["reasoning", "reasoning"],
    ["openai/gpt-6-sol", "openai/gpt-6-sol"],
    ["claude-sonnet-5-5", "anthropic/claude-sonnet-5-5"],
    ["claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5"],
    ["claude-of-tomorrow", "claude-of-tomorrow"],
  ])("names the model %s as %s", (model, expected) => {
    expect(convert({ model }).model).toBe(expected);
  });

  it.each([
    ["between_tools", { thinking: { type: "between_tools" } }],
    ["disabled", { thinking: { type: "disabled" } }],
  ])("asks for no thinking: %s", (_word, change) => {
    expect(convert(change).thinking).toEqual({ type: "disabled" });
  });
});

describe("a thread", () => {
  it("is answered when it begins, and is not found when it is continued", () => {
    expect(convert({ thread: { type: "create" } })).not.toHaveProperty("thread");
    const continued = { thread: { type: "continue", previous_message_id: "msg_1" } };
    expect(() => convert(continued)).toThrow(
      expect.objectContaining({ code: "not_found", param: "thread.previous_message_id" }),
    );
    const error = new AppError("not_found", "No.", { param: "thread.previous_message_id" });
    // By this word Anthropic's clients know to send the whole conversation.
    expect(toAnthropicErrorBody(error, "req_1").error.details).toEqual({ error_code: "thread_not_found" });
    expect(toAnthropicErrorBody(new AppError("not_found", "No."), "req_1").error).not.toHaveProperty("details");
  });
});

describe("what Parapet does not do for Anthropic's clients", () => {
  const user = (block: object) => ({ messages: [{ role: "user", content: [block] }] });
  const assistant = (block: object) => ({
    messages: [
      { role: "user", content: "hi" },
      { role: "assistant", content: [block] },
    ],
  });
  it.each([
    ["a server tool", { tools: [{ type: "web_search_20260209", name: "web_search" }] }, "tools.0.type"],
    ["deferred tools", { tools: [{ name: "f", input_schema: {}, defer_loading: true }] }, "tools.0.defer_loading"],
    ["MCP servers", { mcp_servers: [{ type: "url" }] }, "mcp_servers"],
    ["containers", { container: "c" }, "container"],
    ["context management", { context_management: { edits: [] } }, "context_management"],
    ["another speed", { speed: "fast" }, "speed"],
    ["a region", { inference_geo: "eu" }, "inference_geo"],
    ["fallbacks", { fallbacks: "default" }, "fallbacks"],
    ["an unknown field", { n: 2 }, "n"],
    [
      "a kept file",
      user({ type: "image", source: { type: "file", file_id: "f" } }),
      "messages.0.content.0.source.type",
    ],
    [
      "a document by URL",
      user({ type: "document", source: { type: "url", url: "https://example.com/a.pdf" } }),
      "messages.0.content.0.source.type",
    ],
    [
      "citations",
      user({
        type: "document",
        source: { type: "text", media_type: "text/plain", data: "a" },
        citations: { enabled: true },
      }),
      "messages.0.content.0.citations.enabled",
    ],
    ["search results", user({ type: "search_result", title: "t" }), "messages.0.content.0.type"],
    [
      "calls of server tools",
      assistant({ type: "server_tool_use", id: "s", name: "web_search", input: {} }),
      "messages.1.content.0.type",
    ],
  ])("refuses %s by name", (_what, change, param) => {
    const { error } = messagesRequest.safeParse({ ...asked, ...change });
    if (error === undefined) throw new Error("it was let through");
    expect(invalidRequest(error)).toMatchObject({ code: "invalid_request", param });
  });
});
