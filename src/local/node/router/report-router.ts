import type { RoutingRow } from "./routing-rows.ts";
import { measureRouting, qualityCurve, recoveredByCost, type RoutingMetrics } from "./routing-metrics.ts";

/** One way of scoring; several runs (seeds) are averaged. */
export interface ScoredWay {
  name: string;
  runs: readonly (readonly number[])[];
}

/** A Markdown table: APGR, CPT50 and CPT80 of each way, over all rows and for each benchmark. */
export function tableOf(rows: readonly RoutingRow[], ways: readonly ScoredWay[]): string {
  const benchmarks = [...new Set(rows.map(({ benchmark }) => benchmark))];
  const parts = [null, ...benchmarks];
  const head = ["APGR (CPT50, CPT80)", "all", ...benchmarks];
  const lines = ways.map(({ name, runs }) => [
    name,
    ...parts.map((part) => render(runs.map((scores) => measurePart(rows, scores, part)))),
  ]);
  return markdown([head, ...lines]);
}

/**
 * What is right at each share of strong calls, against as many calls taken at random, and against as much prompt text: what a
 * router sends to the strong model is longer than usual, and providers bill the text.
 */
export function curveOf(rows: readonly RoutingRow[], runs: readonly (readonly number[])[]): string {
  const curves = runs.map((scores) => qualityCurve(rows, scores));
  const texts = runs.map((scores) => textCurve(rows, scores));
  const weak = curves[0]?.[0] ?? 0;
  const strong = curves[0]?.at(-1) ?? 0;
  const lines = Array.from({ length: 11 }, (_step, step) => {
    const share = step / 10;
    const at = (values: number[][]) => mean(values.map((curve) => curve[Math.round(share * rows.length)] ?? 0));
    const quality = at(curves);
    const shuffled = (part: number) => weak + part * (strong - weak);
    return [
      percent(share),
      percent(quality, 1),
      percent((quality - weak) / (strong - weak)),
      percent(shuffled(share), 1),
      percent(quality - shuffled(share), 1),
      percent(at(texts)),
      percent(quality - shuffled(at(texts)), 1),
    ];
  });
  const head = ["strong calls", "right", "lead recovered", "shuffled", "lift", "strong text", "lift at equal text"];
  return markdown([head, ...lines]);
}

/** English prose. */
const charactersPerToken = 4;
/** About what vendors charge for a token of an answer, in tokens of a prompt. */
const outputRate = 4;

/** How much of the lead is recovered over all costs, when calls cost their text, and when what costs less goes first. */
export function costTableOf(rows: readonly RoutingRow[], runs: readonly (readonly number[])[]): string {
  const lines = [0, 50, 250].map((answerTokens) => {
    const costs = rows.map(({ prompt }) => prompt.length / charactersPerToken + answerTokens * outputRate);
    const byCost = (scores: readonly number[]) => scores.map((score, at) => score / (costs[at] ?? 1));
    const areas = [
      mean(runs.map((scores) => recoveredByCost(rows, scores, costs))),
      mean(runs.map((scores) => recoveredByCost(rows, byCost(scores), costs))),
    ];
    return [`${answerTokens} tokens`, ...areas.map((area) => area.toFixed(3))];
  });
  return markdown([["answers of", "by score", "by score per cost"], ...lines]);
}

/** The share of all prompt text that goes to the strong model with the k highest scores, for k from 0 to all. */
function textCurve(rows: readonly RoutingRow[], scores: readonly number[]): number[] {
  const order = rows.map((_row, at) => at).toSorted((left, right) => (scores[right] ?? 0) - (scores[left] ?? 0));
  const sums = [0];
  for (const at of order) sums.push((sums.at(-1) ?? 0) + (rows[at]?.prompt.length ?? 0));
  return sums.map((sum) => sum / (sums.at(-1) ?? 1));
}

function measurePart(rows: readonly RoutingRow[], scores: readonly number[], benchmark: string | null): RoutingMetrics {
  const kept = rows.map((_row, at) => at).filter((at) => benchmark === null || rows[at]?.benchmark === benchmark);
  return measureRouting(
    kept.flatMap((at) => rows[at] ?? []),
    kept.map((at) => scores[at] ?? 0),
  );
}

function render(metrics: readonly RoutingMetrics[]): string {
  const [apgr, cpt50, cpt80] = (["apgr", "cpt50", "cpt80"] as const).map((name) =>
    mean(metrics.map((one) => one[name])),
  );
  return `${(apgr ?? 0).toFixed(3)} (${percent(cpt50 ?? 0)}, ${percent(cpt80 ?? 0)})`;
}

function markdown([head = [], ...lines]: string[][]): string {
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function percent(share: number, digits = 0): string {
  // Adding zero makes a negative one positive.
  return `${(Number((share * 100).toFixed(digits)) + 0).toFixed(digits)} %`;
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
