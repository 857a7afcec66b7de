import { expect, it } from "vitest";
import { readPrompt } from "../../../../src/gateway/router/read-prompt.ts";
import { loadModel, scorePrompt } from "../../../../src/gateway/router/router-model.ts";
import { crossValidate } from "../../../../src/local/node/router/cross-validate.ts";
import { measureRouting } from "../../../../src/local/node/router/routing-metrics.ts";
import type { RoutingRow } from "../../../../src/local/node/router/routing-rows.ts";
import { solveRidge } from "../../../../src/local/node/router/solve-ridge.ts";
import { trainRouter } from "../../../../src/local/node/router/train-router.ts";

/** The strong model saves whatever is about torque, in questions of many lengths. */
const rows: RoutingRow[] = Array.from({ length: 120 }, (_row, at) => {
  const isHard = at % 3 === 0;
  const subject = isHard ? "the torque of a wheel" : "the name of a town";
  const prompt = `Question ${at}: ${"please say ".repeat(at % 7)}what is ${subject}?\nA. this\nB. that`;
  return { benchmark: "test", domain: "test", prompt, weak: isHard ? 0 : 1, strong: 1, features: readPrompt(prompt) };
});

it("learns which words mean that a strong model gains", () => {
  const model = loadModel({ ...trainRouter(rows), quantiles: [] });
  expect(scorePrompt(model, "The torque is\nA. 1\nB. 2")).toBeGreaterThan(
    scorePrompt(model, "The town is\nA. 1\nB. 2"),
  );
  const scores = crossValidate(rows, { folds: 4, seed: 1, groupOf: ({ prompt }) => prompt });
  expect(measureRouting(rows, scores).apgr).toBeGreaterThan(0.8);
});

it("writes the same weights each time", () => {
  expect(trainRouter(rows)).toEqual(trainRouter(rows));
});

it("never scores a row by a model that saw its group", () => {
  // All that tells these rows apart is their number: within one fold there is nothing to learn it from.
  const groupOf = ({ prompt }: RoutingRow) => (prompt.includes("torque") ? "torque" : "town");
  const scores = crossValidate(rows, { folds: 2, seed: 1, groupOf });
  expect(measureRouting(rows, scores).apgr).toBeLessThan(0.5);
});

it("solves for the ridge that can be worked out by hand", () => {
  // x = (1, 2), y = (1, 2): w = xy / (xx + strength) = 5 / (5 + 5).
  const matrix = { columns: 1, starts: [0, 1, 2], indices: [0, 0], values: [1, 2] };
  expect(solveRidge(matrix, [1, 2], 5)[0]).toBeCloseTo(0.5, 6);
});
