import { expect, it } from "vitest";
import { scorePrompt } from "../../../../src/gateway/router/router-model.ts";
import { shippedModel } from "../../../../src/gateway/router/shipped-model.ts";

const prompt = "A train leaves at 9:40 and is 15 minutes late at each of its four stops, more than usual. ".repeat(5);

/** The fastest of many rounds: what else the machine does only adds to the others. */
function fastestMs(run: () => unknown): number {
  return Math.min(
    ...Array.from({ length: 200 }, () => {
      const startMs = performance.now();
      for (let round = 0; round < 10; round++) run();
      return performance.now() - startMs;
    }),
  );
}

it("scoring a prompt costs no more than parsing a request that carries it a hundred times", () => {
  const model = shippedModel();
  const body = JSON.stringify({ messages: Array.from({ length: 100 }, () => ({ role: "user", content: prompt })) });
  expect(fastestMs(() => scorePrompt(model, prompt))).toBeLessThan(fastestMs(() => JSON.parse(body)));
});

it("scoring grows no further with the prompt once only its ends are read", () => {
  const model = shippedModel();
  const long = prompt.repeat(40);
  const longer = prompt.repeat(2_000);
  expect(fastestMs(() => scorePrompt(model, longer))).toBeLessThan(4 * fastestMs(() => scorePrompt(model, long)));
});
