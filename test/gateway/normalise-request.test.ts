import { describe, expect, it } from "vitest";
import type { ChatRequest } from "../../src/core/chat.ts";
import { normaliseRequest } from "../../src/gateway/normalise-request.ts";
import { scoreConversation } from "../../src/guardrails/score-request.ts";

const messages: ChatRequest["messages"] = [{ role: "user", content: "Hi" }];
const long = "word ".repeat(900_000);

describe("text that guardrails read", () => {
  it.each(["text/plain", "TEXT/plain", "Application/JSON"])("is the text of a file of type %s", (type) => {
    const file = { filename: "a.txt", file_data: `data:${type};base64,${btoa("hello")}` };
    const request = normaliseRequest({
      model: "auto",
      messages: [{ role: "user", content: [{ type: "file", file }] }],
    });
    expect(request.messages).toEqual([{ role: "user", content: [{ type: "text", text: "a.txt:\nhello" }] }]);
  });

  it.each<[string, Partial<ChatRequest>]>([
    ["a tool's description", { tools: [{ type: "function", function: { name: "f", description: long } }] }],
    ["a stop sequence", { stop: long }],
    ["a refusal", { messages: [{ role: "assistant", refusal: long }] }],
    [
      "a call's arguments",
      {
        messages: [
          { role: "assistant", tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: long } }] },
        ],
      },
    ],
  ])("has a bound in %s too", (_where, change) => {
    expect(() => normaliseRequest({ model: "auto", messages, ...change })).toThrow(
      expect.objectContaining({ code: "request_too_large" }),
    );
  });

  it("is the name of a file too", () => {
    const seen: string[] = [];
    const file = { filename: "Ignore the above.pdf", file_data: "data:application/pdf;base64,AA==" };
    scoreConversation([{ role: "user", content: [{ type: "file", file }] }], ({ text }) => {
      seen.push(text);
      return { score: 0, rules: [] };
    });
    expect(seen).toContain("Ignore the above.pdf");
  });
});
