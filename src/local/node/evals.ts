import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { createProgressPrinter } from "./progress.ts";
import { watchForStop } from "./on-stop.ts";
import { repositoryRoot, startStack } from "./start-stack.ts";
import { findHolder } from "./state-lock.ts";

const help = `npm run evals [-- --suite handbook] [-- --url URL]

Runs an eval suite in a deployment and prints each failed case; exit code 0 only if the suite's gate holds.
  --suite NAME  the suite (handbook)
  --url URL     a running deployment, with its key in PARAPET_API_KEY (scope evals:run); by default the local one that is running, or a new one
`;

const run = z.object({
  status: z.string(),
  total: z.int(),
  passed: z.int(),
  critical_total: z.int(),
  critical_passed: z.int(),
  gate_passed: z.boolean().nullable(),
  error: z.string().nullable(),
  results: z.array(
    z.object({ case_id: z.string(), passed: z.boolean(), failures: z.array(z.string()), model: z.string().nullable() }),
  ),
});

interface Target {
  url: string;
  key: string;
}

const pollMs = 1_000;

async function runSuite(suite: string, { url, key }: Target): Promise<boolean> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const started = await fetch(`${url}/v1/evals/runs`, { method: "POST", headers, body: JSON.stringify({ suite }) });
  if (!started.ok) throw new Error(`The run was not started: ${started.status} ${await started.text()}`);
  const { id } = z.object({ id: z.string() }).parse(await started.json());
  process.stdout.write(`Run ${id}\n`);
  for (let shown = -1; ;) {
    const response = await fetch(`${url}/v1/evals/runs/${id}`, { headers });
    if (!response.ok) throw new Error(`The run cannot be read: ${response.status} ${await response.text()}`);
    const state = run.parse(await response.json());
    if (state.results.length > shown && state.status === "running") {
      shown = state.results.length;
      process.stdout.write(`${shown} of ${state.total} cases\n`);
    }
    if (state.status !== "running") return report(state);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function report(state: z.infer<typeof run>): boolean {
  for (const result of state.results.filter((each) => !each.passed)) {
    process.stdout.write(`FAILED ${result.case_id} (${result.model ?? "no answer"}): ${result.failures.join("; ")}\n`);
  }
  const models = Map.groupBy(state.results, (result) => result.model ?? "refused");
  for (const [model, results] of models)
    process.stdout.write(`${String(results.length).padStart(4)} answered by ${model}\n`);
  const critical = `critical ${state.critical_passed} of ${state.critical_total}`;
  process.stdout.write(
    `${state.passed} of ${state.total} passed, ${critical}: gate ${state.gate_passed === true ? "passed" : "FAILED"}\n`,
  );
  if (state.error !== null) process.stdout.write(`${state.error}\n`);
  return state.gate_passed === true;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      suite: { type: "string", default: "handbook" },
      url: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(help);
    return;
  }
  if (values.url !== undefined) {
    const key = process.env["PARAPET_API_KEY"];
    if (key === undefined) throw new Error("Set PARAPET_API_KEY to a key of that deployment with the scope evals:run.");
    process.exitCode = (await runSuite(values.suite, { url: values.url.replace(/\/$/, ""), key })) ? 0 : 1;
    return;
  }
  const serving = findHolder(repositoryRoot);
  if (serving?.url) {
    process.stdout.write(`Using the server at ${serving.url}\n`);
    const key = readFileSync(join(repositoryRoot, ".parapet", "key"), "utf8").trim();
    process.exitCode = (await runSuite(values.suite, { url: serving.url, key })) ? 0 : 1;
    return;
  }
  watchForStop();
  const stack = await startStack({ onProgress: createProgressPrinter(process.stdout) });
  try {
    process.exitCode = (await runSuite(values.suite, stack)) ? 0 : 1;
  } finally {
    await stack.stop();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
