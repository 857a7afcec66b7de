import type { LoadGenerator } from "./child.ts";
import { medianOfRounds, median, type Measured } from "./summary.ts";
import { cpuOfMs } from "./workerd-process.ts";
import { concurrencies, delaysMs, modelOfDelay, modes, requestBody, type Mode } from "./workload.ts";

export const targetNames = ["direct", "pass-through", "parapet"] as const;
export type TargetName = (typeof targetNames)[number];

export interface Target {
  name: TargetName;
  /** Without `/v1`. */
  url: string;
  headers: Record<string, string>;
  /** What the target calls the provider's model. */
  model(name: string): string;
}

export interface Cell {
  mode: Mode;
  concurrency: number;
  delayMs: number;
}

export interface Row extends Cell {
  target: TargetName;
  measured: Measured;
  /** CPU time of the whole runtime, per answer; `null` where nobody can say, and for the target without a runtime. */
  cpuUs: number | null;
}

/** What went wrong in a cell, for who has to find out why. */
export function describeErrors({ target, mode, concurrency, delayMs, measured }: Omit<Row, "cpuUs">): string {
  return `${target} failed ${measured.errors} of ${measured.answered + measured.errors} requests (${mode}, concurrency ${concurrency}, delay ${delayMs} ms), first with: ${measured.firstError}`;
}

const cells: Cell[] = modes.flatMap((mode) =>
  delaysMs.flatMap((delayMs) => concurrencies.map((concurrency) => ({ mode, concurrency, delayMs }))),
);

const warmUpMs = 200;
/** V8 needs a few thousand calls to settle, and Parapet's first ones build everything. */
const targetWarmUpMs = 1_500;

/** Measures every cell of every target once a round: what the machine does meanwhile hits all of them alike. */
export async function measureRows(
  {
    targets,
    load,
    pid,
    rounds,
    seconds,
  }: { targets: Target[]; load: LoadGenerator; /** workerd's. */ pid: number; rounds: number; seconds: number },
  onProgress: (text: string) => void,
): Promise<Row[]> {
  for (const target of targets) {
    for (const mode of modes) {
      onProgress(`warming up ${target.name}, ${mode}`);
      const cell = { mode, concurrency: 10, delayMs: 0 };
      const { measured } = await run({ load, pid }, target, cell, { warmUpMs: 0, measureMs: targetWarmUpMs });
      // Not worth going on: what follows would only repeat it.
      if (measured.errors > 0) throw new Error(describeErrors({ ...cell, target: target.name, measured }));
    }
  }
  const runs = new Map<
    string,
    { row: Omit<Row, "measured" | "cpuUs">; rounds: { measured: Measured; cpuUs: number | null }[] }
  >();
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, cell] of cells.entries()) {
      onProgress(`round ${round + 1} of ${rounds}, cell ${index + 1} of ${cells.length}`);
      // Each round starts with another target, so that none always runs in the wake of the same one.
      for (let turn = 0; turn < targets.length; turn += 1) {
        const target = targets[(turn + round) % targets.length];
        if (target === undefined) continue;
        const measured = await run({ load, pid }, target, cell, { warmUpMs, measureMs: seconds * 1000 });
        const key = JSON.stringify([target.name, cell]);
        const known = runs.get(key) ?? { row: { target: target.name, ...cell }, rounds: [] };
        known.rounds.push(measured);
        runs.set(key, known);
      }
    }
  }
  return [...runs.values()].map(({ row, rounds: all }) => {
    const cpu = all.map((one) => one.cpuUs).filter((value) => value !== null);
    return {
      ...row,
      measured: medianOfRounds(all.map((one) => one.measured)),
      cpuUs: row.target === "direct" || cpu.length === 0 ? null : median(cpu),
    };
  });
}

async function run(
  { load, pid }: { load: LoadGenerator; pid: number },
  target: Target,
  { mode, concurrency, delayMs }: Cell,
  times: { warmUpMs: number; measureMs: number },
): Promise<{ measured: Measured; cpuUs: number | null }> {
  const before = cpuOfMs(pid);
  const measured = await load.run({
    url: `${target.url}/v1/chat/completions`,
    headers: target.headers,
    body: requestBody({ model: target.model(modelOfDelay(delayMs)), mode }),
    mark: mode === "stream" ? "data: [DONE]" : '"finish_reason":"stop"',
    concurrency,
    ...times,
  });
  const after = cpuOfMs(pid);
  const cpuUs = before === null || after === null ? null : ((after - before) * 1000) / Math.max(1, measured.answered);
  return { measured, cpuUs };
}
