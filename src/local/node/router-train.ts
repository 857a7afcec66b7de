import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { crossBenchmarks, crossValidate } from "./router/cross-validate.ts";
import { scoreKeywords } from "./router/keyword-score.ts";
import { costTableOf, curveOf, tableOf } from "./router/report-router.ts";
import { defaultDataPath, readRoutingRows, type RoutingRow } from "./router/routing-rows.ts";
import { trainRouter } from "./router/train-router.ts";

const help = `npm run router:train [-- --data FILE] [-- --dry-run]

Cross-validates the router, prints the tables of docs/routing.md and writes src/gateway/router/weights.json.
  --data FILE  lines of {benchmark, domain, prompt, weak_correct, strong_correct}
  --dry-run    writes nothing
`;

const weightsPath = join(import.meta.dirname, "../../gateway/router/weights.json");
const seeds = [1, 2, 3];

const { values } = parseArgs({
  options: { data: { type: "string" }, "dry-run": { type: "boolean" }, help: { type: "boolean" } },
});
const path = values.data ?? defaultDataPath;
const rows = values.help === true ? null : readRoutingRows(path);
if (values.help === true) process.stdout.write(help);
else if (rows === null) process.stdout.write(`Skipped: there is no ${path}. The shipped weights stay as they are.\n`);
else await train(rows);

async function train(all: readonly RoutingRow[]): Promise<void> {
  // By its prompt: a question that stands there twice must not be learned from and asked.
  const unseenPrompts = seeds.map((seed) => crossValidate(all, { folds: 5, seed, groupOf: ({ prompt }) => prompt }));
  const unseenDomains = seeds.map((seed) => crossValidate(all, { folds: 8, seed, groupOf: groupByDomain(all) }));
  const ways = [
    { name: "random", runs: [all.map(() => 0)] },
    { name: "keyword heuristic", runs: [all.map(({ prompt }) => scoreKeywords(prompt))] },
    { name: "prompt length", runs: [all.map(({ prompt }) => prompt.length)] },
    { name: "learned: unseen prompts (5 folds)", runs: unseenPrompts },
    { name: "learned: unseen domains (8 folds)", runs: unseenDomains },
    { name: "learned: the other benchmark only", runs: [crossBenchmarks(all)] },
  ];
  process.stdout.write(
    `${all.length} prompts\n\n${tableOf(all, ways)}\n\n${curveOf(all, unseenPrompts)}\n\n${costTableOf(all, unseenPrompts)}\n`,
  );
  if (values["dry-run"] === true) return;
  const model = { ...trainRouter(all), quantiles: quantilesOf(unseenPrompts[0] ?? []) };
  await writeFile(weightsPath, `${JSON.stringify(model)}\n`);
  process.stdout.write(`\nWrote ${weightsPath}\n`);
}

/** Domains are left out whole; a benchmark that is one domain is split by prompt. */
function groupByDomain(all: readonly RoutingRow[]): (row: RoutingRow) => string {
  const domains = new Map<string, Set<string>>();
  for (const { benchmark, domain } of all) domains.set(benchmark, (domains.get(benchmark) ?? new Set()).add(domain));
  return (row) => ((domains.get(row.benchmark)?.size ?? 0) > 1 ? row.domain : row.prompt);
}

/** Of scores of unseen prompts: those of learned ones spread wider. */
function quantilesOf(scores: readonly number[]): number[] {
  const sorted = scores.toSorted((left, right) => left - right);
  return Array.from({ length: 101 }, (_step, step) =>
    Number((sorted[Math.round((step / 100) * (sorted.length - 1))] ?? 0).toFixed(5)),
  );
}
