import { loadavg } from "node:os";
import { machine } from "../machine.ts";
import type { Row } from "./measure.ts";
import type { StageCost } from "./stages.ts";
import { workerdVersion } from "./workerd-process.ts";
import { benchMessages } from "./workload.ts";

/** One row as a machine reads it. */
export function toJsonRow({ target, mode, concurrency, delayMs, measured }: Row): object {
  return {
    target,
    mode,
    concurrency,
    delay_ms: delayMs,
    rps: round(measured.rps, 1),
    p50_ms: round(measured.p50Ms),
    p95_ms: round(measured.p95Ms),
    p99_ms: round(measured.p99Ms),
    ttfb_p50_ms: round(measured.ttfbP50Ms),
    ttfb_p99_ms: round(measured.ttfbP99Ms),
    errors: measured.errors,
  };
}

export function describeMachine(state: string): string {
  const bytes = Buffer.byteLength(JSON.stringify(benchMessages));
  return [
    `${machine()}, ${workerdVersion()}`,
    `Requests of ${benchMessages.length} messages, ${bytes} bytes; answers of 21 words, in a stream a chunk each. One key, so one meter; state in ${state}. Load average at the end: ${loadavg()
      .map((value) => value.toFixed(1))
      .join(", ")}.`,
  ].join("\n");
}

export function renderRows(rows: Row[]): string {
  const head = [
    "mode",
    "delay",
    "conc",
    "target",
    "req/s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "first p50",
    "first p99",
    "adds p50",
    "CPU µs",
    "errors",
  ];
  const lines = rows.toSorted(byCell).map((row) => {
    const direct = rows.find((other) => other.target === "direct" && isSameCell(other, row));
    const { measured } = row;
    return [
      row.mode,
      `${row.delayMs} ms`,
      String(row.concurrency),
      row.target,
      measured.rps.toFixed(0),
      measured.p50Ms.toFixed(2),
      measured.p95Ms.toFixed(2),
      measured.p99Ms.toFixed(2),
      measured.ttfbP50Ms.toFixed(2),
      measured.ttfbP99Ms.toFixed(2),
      direct === undefined || direct === row ? "" : `+${(measured.p50Ms - direct.measured.p50Ms).toFixed(2)}`,
      row.cpuUs === null ? "" : row.cpuUs.toFixed(0),
      String(measured.errors),
    ];
  });
  return table([head, ...lines], 4);
}

export function renderStages(stages: StageCost[]): string {
  const section = (when: StageCost["when"]) => {
    const inside = stages.filter((stage) => stage.when === when);
    const sum = inside.reduce((total, stage) => total + stage.costUs, 0);
    return [
      [`${when}, sum`, sum.toFixed(0)],
      ...inside.map((stage) => [`  ${stage.label}`, stage.costUs.toFixed(stage.costUs < 10 ? 1 : 0)]),
    ];
  };
  const sections = [section("before the answer"), section("after the answer"), section("in streams instead")];
  return table([["stage", "µs"], ...sections.flat()], 1);
}

export const stageMethod = `Each stage runs alone inside workerd, in the code that production deploys, many times over in one request, and is timed from outside:
warm and without a queue, so a floor. A hop's figure holds the work of both its sides. What is missing to a request's own time is
HTTP in and out, Hono's routing, and scheduling. What comes after the answer still takes the same thread from the next request.`;

function byCell(left: Row, right: Row): number {
  return left.mode.localeCompare(right.mode) || left.delayMs - right.delayMs || left.concurrency - right.concurrency;
}

function isSameCell(left: Row, right: Row): boolean {
  return left.mode === right.mode && left.delayMs === right.delayMs && left.concurrency === right.concurrency;
}

/** Text columns to the left, then numbers to the right. */
function table(rows: string[][], textColumns: number): string {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column < textColumns ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function round(value: number, digits = 3): number {
  return Number(value.toFixed(digits));
}
