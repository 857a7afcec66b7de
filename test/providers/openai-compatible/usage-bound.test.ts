import { expect, it } from "vitest";
import { chatCompletion } from "../../../src/providers/openai-compatible/wire.ts";

it.each([9_007_199_254_740_991, 1e15, 1e12])("takes a count of %d tokens for unreadable", (tokens) => {
  const wire = chatCompletion.parse({
    choices: [{ message: { content: "ok" } }],
    usage: { prompt_tokens: 10, completion_tokens: tokens },
  });
  expect(wire.usage).toBeNull();
});

it("keeps a count without one of the answer's tokens from being taken for an answer that cost nothing", () => {
  const wire = chatCompletion.parse({ choices: [{ message: { content: "ok" } }], usage: { prompt_tokens: 10 } });
  expect(wire.usage).toBeNull();
});
