import { describe, expect, it } from "vitest";
import type { ChatRequest } from "../../../src/core/chat.ts";
import type { ModelCapability, ModelCard } from "../../../src/core/model.ts";
import { convertChatRequest } from "../../../src/providers/openai-compatible/convert-messages.ts";

function cardWith(...capabilities: ModelCapability[]): ModelCard {
  return {
    id: "p/m",
    provider: "p",
    name: "m",
    kind: "chat",
    tier: null,
    contextWindow: 1,
    maxOutputTokens: 1,
    capabilities,
    price: null,
    staysAtEdge: false,
  };
}

const request: ChatRequest = { model: "auto", messages: [{ role: "user", content: "hi" }] };
const tools: ChatRequest["tools"] = [{ type: "function", function: { name: "f" } }];

describe("the body sent to OpenAI", () => {
  it("keeps nothing there, at the standard price, under the new name of the limit", () => {
    const body = convertChatRequest(
      { ...request, max_tokens: 5, store: true, service_tier: "auto" },
      cardWith(),
      "openai",
    );
    expect(body).toEqual({
      model: "m",
      messages: [{ role: "user", content: "hi" }],
      max_completion_tokens: 5,
      store: false,
      service_tier: "default",
    });
  });

  it.each([
    ["reasoning", {}, undefined, false],
    ["reasoning off", { reasoning_effort: "none" as const }, "none", true],
    ["reasoning with tools", { tools }, "none", true],
    ["reasoning asked for with tools", { tools, reasoning_effort: "high" as const }, "high", false],
  ])("sends the temperature only where the model takes it: %s", (_what, change, effort, isSent) => {
    const body = convertChatRequest(
      { ...request, temperature: 0, ...change },
      cardWith("reasoning", "tools"),
      "openai",
    );
    expect(body["reasoning_effort"]).toBe(effort);
    expect("temperature" in body).toBe(isSent);
  });

  it("keeps the developer's role and what the assistant refused", () => {
    const messages: ChatRequest["messages"] = [
      { role: "developer", content: "be kind" },
      { role: "assistant", content: null, refusal: "no" },
    ];
    expect(convertChatRequest({ ...request, messages }, cardWith(), "openai")["messages"]).toEqual(messages);
  });
});

describe("the body sent to a compatible server", () => {
  it("has only what every server knows", () => {
    const body = convertChatRequest(
      {
        ...request,
        max_completion_tokens: 5,
        temperature: 0,
        verbosity: "low",
        prompt_cache_key: "k",
        reasoning_effort: "low",
      },
      cardWith(),
      "compatible",
    );
    expect(body).toEqual({ model: "m", messages: request.messages, max_tokens: 5, temperature: 0 });
  });

  it("calls a developer the system, and a refusal what was said", () => {
    const messages: ChatRequest["messages"] = [
      { role: "developer", content: "be kind" },
      { role: "assistant", content: null, refusal: "no" },
      { role: "assistant", tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }] },
    ];
    expect(convertChatRequest({ ...request, messages }, cardWith(), "compatible")["messages"]).toMatchObject([
      { role: "system", content: "be kind" },
      { role: "assistant", content: "no" },
      { role: "assistant", content: null, tool_calls: [{ id: "c" }] },
    ]);
  });

  it("never holds a choice among tools without tools", () => {
    const body = convertChatRequest(
      { ...request, tool_choice: "auto", parallel_tool_calls: false },
      cardWith(),
      "compatible",
    );
    expect(body).not.toHaveProperty("tool_choice");
    expect(body).not.toHaveProperty("parallel_tool_calls");
  });
});
