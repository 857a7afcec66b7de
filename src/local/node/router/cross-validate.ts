import { loadModel, scoreFeatures } from "../../../gateway/router/router-model.ts";
import type { RoutingRow } from "./routing-rows.ts";
import { defaultTraining, trainRouter, type TrainingOptions } from "./train-router.ts";

/** Scores every row by a model that saw no row of its group. */
export function crossValidate(
  rows: readonly RoutingRow[],
  {
    folds,
    seed,
    groupOf,
    options = defaultTraining,
  }: {
    folds: number;
    seed: number;
    groupOf: (row: RoutingRow) => string;
    options?: TrainingOptions;
  },
): number[] {
  const groups = [...new Set(rows.map(groupOf))];
  const foldOf = new Map(shuffle(groups, seed).map((group, at) => [group, at % folds]));
  const scores = rows.map(() => 0);
  for (let fold = 0; fold < folds; fold++) {
    const isTested = (row: RoutingRow) => foldOf.get(groupOf(row)) === fold;
    const model = fit(
      rows.filter((row) => !isTested(row)),
      options,
    );
    rows.forEach((row, at) => {
      if (isTested(row)) scores[at] = scoreFeatures(model, row.features);
    });
  }
  return scores;
}

/** Scores each benchmark by a model that saw only the others. */
export function crossBenchmarks(rows: readonly RoutingRow[], options: TrainingOptions = defaultTraining): number[] {
  const models = new Map(
    [...new Set(rows.map(({ benchmark }) => benchmark))].map((name) => [
      name,
      fit(
        rows.filter(({ benchmark }) => benchmark !== name),
        options,
      ),
    ]),
  );
  return rows.map(({ benchmark, features }) => {
    const model = models.get(benchmark);
    return model === undefined ? 0 : scoreFeatures(model, features);
  });
}

function fit(rows: readonly RoutingRow[], options: TrainingOptions) {
  return loadModel({ ...trainRouter(rows, options), quantiles: [] });
}

/** Fisher–Yates with a generator of its own (mulberry32), so that the folds are the same everywhere. */
export function shuffle<T>(items: readonly T[], seed: number): T[] {
  const shuffled = [...items];
  const next = generator(seed);
  for (let at = shuffled.length - 1; at > 0; at--) {
    const other = Math.floor(next() * (at + 1));
    [shuffled[at], shuffled[other]] = [shuffled[other] as T, shuffled[at] as T];
  }
  return shuffled;
}

function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
