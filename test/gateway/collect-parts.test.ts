import { expect, it } from "vitest";
import type { StreamPart } from "../../src/core/model.ts";
import { collectParts } from "../../src/gateway/collect-parts.ts";

const million = "x".repeat(1_000_000);

it.each<[string, (index: number) => StreamPart]>([
  ["a refusal", () => ({ type: "refusal-delta", text: million })],
  ["one call's arguments", () => ({ type: "tool-call-delta", index: 0, arguments: million })],
  ["the names of many calls", (index) => ({ type: "tool-call-delta", index, name: million, arguments: "" })],
  ["thinking", () => ({ type: "thinking-end", block: { type: "thinking", thinking: million } })],
  [
    "thinking that only the provider can read",
    () => ({ type: "thinking-end", block: { type: "redacted_thinking", data: million } }),
  ],
])("holds four million characters of a stream, and no more: %s", (_what, part) => {
  const collected = collectParts();
  for (let index = 0; index < 4; index++) collected.add(part(index));
  expect(() => collected.add(part(4))).toThrow("longer than any that was asked for");
});
