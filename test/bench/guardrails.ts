/**
 * Recall, false alarms and cost of the guardrails on the development data, which lives outside the repository.
 * Run: `node test/bench/guardrails.ts [directory]`.
 */
import { existsSync, readFileSync } from "node:fs";
import { machine } from "./machine.ts";
import { join } from "node:path";
import { scoreByRules } from "../../src/guardrails/injection.ts";
import { guardrailPolicy } from "../../src/guardrails/policy.ts";
import { createGuardrails } from "../../src/guardrails/run-guardrails.ts";

interface Row {
  label: "attack" | "benign";
  text: string;
  source: string;
  category: string;
  surface: string;
  noisy: boolean;
}

const directory = process.argv[2] ?? join(import.meta.dirname, "../../../shared/data/guardrails");

function readRows(name: string): Row[] {
  const lines = readFileSync(join(directory, name), "utf8").trim().split("\n");
  return lines.map((line): Row => JSON.parse(line));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`.padStart(8);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

if (!existsSync(directory)) {
  print(`No data in ${directory}: nothing to measure. Give the directory that holds attack.jsonl and benign.jsonl.`);
  process.exit(0);
}

const policy = guardrailPolicy.parse({});
const attacks = readRows("attack.jsonl");
const benign = readRows("benign.jsonl");
const scored = [...attacks, ...benign].map((row) => {
  const origin = row.surface === "user" ? "user" : "data";
  const { score, rules } = scoreByRules({ text: row.text, origin });
  return { ...row, score, rules };
});

print(machine());
for (const label of ["attack", "benign"] as const) {
  print(`\n${label.padEnd(28)}     n   refused   flagged`);
  const rows = scored.filter((row) => row.label === label);
  const groups = Map.groupBy(rows, (row) => `${row.source}${row.noisy ? " (noisy)" : ""}`);
  groups.set("all", rows);
  groups.set(
    "all but noisy",
    rows.filter((row) => !row.noisy),
  );
  for (const surface of new Set(rows.map((row) => row.surface))) {
    groups.set(
      `surface ${surface}, not noisy`,
      rows.filter((row) => row.surface === surface && !row.noisy),
    );
  }
  for (const [name, group] of groups) {
    const refused = group.filter((row) => row.score >= policy.refuse_at).length;
    const flagged = group.filter((row) => row.score >= policy.review_at).length;
    if (group.length === 0) continue;
    print(
      `${name.padEnd(36).slice(0, 36)} ${String(group.length).padStart(5)} ${percent(refused, group.length)} ${percent(flagged, group.length)}`,
    );
  }
}

if (process.argv.includes("--errors")) {
  for (const row of scored) {
    const isWrong =
      row.label === "benign" ? row.score >= policy.review_at : row.score < policy.refuse_at && row.surface === "user";
    if (isWrong)
      print(
        `${row.label} ${row.source} ${row.score} ${row.rules.join(" ")} | ${row.text.slice(0, 300).replaceAll("\n", " ")}`,
      );
  }
}

const guardrails = createGuardrails(policy, { clock: () => performance.now() });

function timePerText(texts: string[], run: (text: string) => void): number {
  const times = texts.map((text) => {
    const start = performance.now();
    run(text);
    return (performance.now() - start) * 1000;
  });
  return median(times);
}

const prose = benign.map((row) => row.text).join("\n\n");
const tenKilobytes = Array.from({ length: 40 }, (_, index) => prose.slice(index * 5000, index * 5000 + 10_000));
const short = benign.map((row) => row.text);
for (const [name, texts] of [
  ["benign texts", short],
  ["10 KB texts", tenKilobytes],
] as const) {
  for (let round = 0; round < 3; round += 1)
    for (const text of texts) guardrails.checkOutput(text, { allowedUrls: [] });
  const scoring = timePerText(texts, (text) => scoreByRules({ text, origin: "user" }));
  const output = timePerText(texts, (text) => guardrails.checkOutput(text, { allowedUrls: [] }));
  print(`\n${name}: injection score ${scoring.toFixed(0)} µs, output check ${output.toFixed(0)} µs (median a text)`);
}

let held = 0;
let pushes = 0;
let redacted = 0;
const start = performance.now();
for (const text of short) {
  const filter = guardrails.createOutputFilter({ allowedUrls: [] });
  for (let index = 0; index < text.length; index += 4) {
    filter.push(text.slice(index, index + 4));
    held += filter.heldLength;
    pushes += 1;
  }
  filter.flush();
  if (filter.verdicts().some((verdict) => verdict.redactions > 0)) redacted += 1;
}
const perPush = ((performance.now() - start) * 1000) / pushes;
print(
  `\nstream of 4 characters a push: ${(held / pushes).toFixed(2)} characters held on average, ${perPush.toFixed(2)} µs a push`,
);
print(`benign texts changed by the output filter: ${redacted} of ${short.length}`);
