import { accessSync, constants } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";

export interface Options {
  json: boolean;
  rounds: number;
  /** Measured time of each cell in each round. */
  seconds: number;
  /** The folder in which workerd keeps its state while it runs. */
  state: string;
}

export const help = `Measures what Parapet adds to a call of a model provider.

  npm run bench:gateway [-- --json] [-- --rounds 3] [-- --seconds 1]

Three targets answer the same requests in interleaved rounds: a scripted provider on loopback ("direct"), a worker that only
passes through ("pass-through", the floor of the platform), and the bundle that production deploys ("parapet"), each on workerd
itself, with limits, budgets, guardrails, usage, audit, traces and the content store on. Every figure is the median of the
rounds' own. Storage is local: the objects' SQLite and a D1 of the benchmark's own in the same process, and an R2 that forgets what
it takes. It asserts no times; it fails when any answer was wrong.

  --json       prints one JSON object a line and nothing else to standard output:
               {target, mode, concurrency, delay_ms, rps, p50_ms, p95_ms, p99_ms, ttfb_p50_ms, ttfb_p99_ms, errors}
               The table of stages goes to standard error then.
  --rounds     how often each cell is measured (3)
  --seconds    how long each time (1)
  --state      where the objects keep their SQLite (a RAM disk where there is one: what production waits for is another
               data centre, not this machine's disk)
  --help       prints this
`;

/** Reads the command line; `null` asks for the help. */
export function readOptions(args: string[]): Options | null {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean", default: false },
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "1" },
      state: { type: "string", default: defaultState() },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const rounds = Number(values.rounds);
  const seconds = Number(values.seconds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds must be a whole number above 0");
  if (!(seconds > 0)) throw new Error("--seconds must be above 0");
  return { json: values.json, rounds, seconds, state: values.state };
}

function defaultState(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}
