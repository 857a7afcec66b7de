import type { Outcome } from "./run-scenario.ts";

export interface FaultRow {
  id: string;
  what: string;
  expected: string;
  /** Empty when it ended as it should. */
  wrong: string[];
  outcome: Outcome;
}

const head = ["", "fault", "expected", "got", "attempts", "first byte ms", "total ms", "micro-USD"];

/** The table as Markdown, in the scenarios' order. */
export function renderTable(rows: FaultRow[]): string {
  const lines = rows
    .toSorted((left, right) => left.id.localeCompare(right.id))
    .map(({ id, what, expected, wrong, outcome }) => [
      id,
      what,
      expected,
      wrong.length === 0 ? "as expected" : wrong.join("; "),
      outcome.attempts.join(", "),
      outcome.firstByteMs.toFixed(0),
      outcome.totalMs.toFixed(0),
      outcome.costMicros === null ? "" : String(outcome.costMicros),
    ]);
  const passed = rows.filter(({ wrong }) => wrong.length === 0).length;
  const table = [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`);
  return `${table.join("\n")}\n\n${passed} of ${rows.length} ended as they should.`;
}
