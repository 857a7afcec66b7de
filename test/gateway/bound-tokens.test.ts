import { describe, expect, it } from "vitest";
import { chatRequest } from "../../src/core/chat.ts";
import { boundTokens } from "../../src/gateway/bound-tokens.ts";
import { measurePrompt } from "../../src/gateway/estimate-tokens.ts";

/** A fixed sequence, so that the counts recorded below stay true. */
function sequence(from: number, to: number, count: number): string {
  let state = 1;
  return Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return String.fromCodePoint(from + (state % (to - from)));
  }).join("");
}
const texts: Record<string, string> = {
  prose: "Refunds are paid to the card that was charged, within five business days of their approval. ".repeat(10),
  code: "export function priceOf(usage: TokenUsage, price: TokenPrice): number {\n  return usage.inputTokens * price.inputPico;\n}\n".repeat(
    5,
  ),
  json: JSON.stringify({ id: "chatcmpl-123", choices: [{ index: 0, message: { role: "assistant", content: "Hi" } }] }),
  "random letters": sequence(97, 123, 500),
  "random capitals": sequence(65, 91, 500),
  "random digits": sequence(48, 58, 500),
  punctuation: sequence(33, 48, 500),
  "mixed white space": " \n\t".repeat(200),
  spaces: " ".repeat(500),
  "single letters": "q z x j k ".repeat(50),
  control: "\u0001\u0007".repeat(100),
  Cherokee: sequence(0x13a0, 0x13f0, 300),
  Ethiopic: sequence(0x1200, 0x1340, 300),
  Devanagari: sequence(0x905, 0x939, 300),
  Cyrillic: sequence(0x410, 0x450, 300),
  Hangul: sequence(0xac00, 0xd7a0, 300),
  "rare Han": sequence(0x20000, 0x21000, 300),
  emoji: sequence(0x1f300, 0x1f600, 300),
};

/** The larger of the counts of o200k_base and cl100k_base, by gpt-tokenizer 3 on 2026-11-21. */
const counted: [string, number][] = [
  ["prose", 191],
  ["code", 145],
  ["json", 27],
  ["random letters", 270],
  ["random capitals", 303],
  ["random digits", 167],
  ["punctuation", 295],
  ["mixed white space", 201],
  ["spaces", 5],
  ["single letters", 251],
  ["control", 200],
  ["Cherokee", 900],
  ["Ethiopic", 899],
  ["Devanagari", 547],
  ["Cyrillic", 336],
  ["Hangul", 774],
  ["rare Han", 1188],
  ["emoji", 877],
];

describe("a bound of tokens", () => {
  it.each(counted)("is not below the count of %s", (name, count) => {
    expect(boundTokens(texts[name] ?? "")).toBeGreaterThanOrEqual(count);
  });

  it("of prose and code is at most four times their count", () => {
    for (const [name, count] of counted.filter(([each]) => each === "prose" || each === "code")) {
      expect(boundTokens(texts[name] ?? "")).toBeLessThanOrEqual(4 * count);
    }
  });
});

describe("a prompt's bound", () => {
  const long = "word ".repeat(1000);
  const bare = { model: "auto", messages: [{ role: "user", content: "Hi" }] };
  it.each([
    ["a message", { messages: [{ role: "user", content: long }] }],
    ["a text part", { messages: [{ role: "user", content: [{ type: "text", text: long }] }] }],
    ["a refusal", { messages: [...bare.messages, { role: "assistant", refusal: long }] }],
    [
      "tool arguments",
      {
        messages: [
          { role: "assistant", tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: long } }] },
        ],
      },
    ],
    ["a tool's description", { tools: [{ type: "function", function: { name: "f", description: long } }] }],
    ["a schema", { response_format: { type: "json_schema", json_schema: { name: "s", description: long } } }],
    ["a stop sequence", { stop: [long] }],
  ])("counts %s", (_what, change) => {
    expect(measurePrompt(chatRequest.parse({ ...bare, ...change })).bound).toBeGreaterThan(1000);
  });
});
