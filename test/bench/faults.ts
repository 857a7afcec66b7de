/**
 * Every fault of failoverbench against a scripted provider over HTTP, and how each ended: `npm run bench:faults`.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPort } from "../../src/local/node/find-port.ts";
import { applyMigrations, startWorker } from "../../src/local/node/start-worker.ts";
import { adminToken, deploymentVariables } from "../e2e/deployment-variables.ts";
import { startScriptedProvider } from "../support/scripted-provider.ts";
import { renderTable, type FaultRow } from "./faults/report.ts";
import { machine } from "./machine.ts";
import { runFlap } from "./faults/run-flap.ts";
import { ask, judge, type Target } from "./faults/run-scenario.ts";
import { flap, scenarios } from "./faults/scenarios.ts";

const root = join(import.meta.dirname, "..", "..");
const firstPort = 9_300;

const state = mkdtempSync(join(tmpdir(), "parapet-faults-"));
const closing: (() => unknown)[] = [() => rmSync(state, { recursive: true, force: true })];
try {
  const emptyEnvFile = join(state, "empty.env");
  writeFileSync(emptyEnvFile, "");
  const provider = await startScriptedProvider();
  closing.push(() => provider.close());
  await applyMigrations({ root, persistTo: state });
  const worker = await startWorker({
    root,
    port: await findPort(firstPort),
    persistTo: state,
    envFile: emptyEnvFile,
    variables: deploymentVariables({ providerUrl: provider.url, modelsUrl: null }),
  });
  closing.push(() => worker.stop());
  const target: Target = { baseUrl: worker.url, key: await createKey(worker.url) };
  // The first request starts the isolate and its objects, which is no scenario's doing.
  await ask(target, { models: ["ok"], stream: true });

  const rows: FaultRow[] = [];
  for (const { id, what, models, stream, expected } of scenarios) {
    const outcome = await ask(target, { models, stream });
    const wrong = judge(expected, outcome);
    const ending = expected.kind === "error" ? expected.code : "one complete answer";
    rows.push({ id, what, expected: ending, wrong, outcome });
    process.stderr.write(`${id} ${wrong.length === 0 ? "as it should" : wrong.join("; ")}\n`);
  }
  const flapped = await runFlap(target);
  const wrong = [
    ...(flapped.answered === flapped.requests ? [] : [`${flapped.requests - flapped.answered} not answered`]),
    ...(flapped.recoveredMs === null ? ["never asked again"] : []),
  ];
  rows.push({
    id: "S15",
    what: `down for ${flap.downMs} ms: ${flapped.requests} requests, ${flapped.asked} attempts in vain`,
    expected: `all answered, back after ${Math.round(flapped.recoveredMs ?? 0)} ms`,
    wrong,
    outcome: flapped.last,
  });
  process.stdout.write(`${machine()}; under wrangler dev, which adds some 5 ms a request.\n\n${renderTable(rows)}\n`);
  if (rows.some((row) => row.wrong.length > 0)) process.exitCode = 1;
} finally {
  for (const close of closing.toReversed()) await close();
}

async function createKey(baseUrl: string): Promise<string> {
  const response = await fetch(`${baseUrl}/v1/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "faults", scopes: ["chat"] }),
  });
  const body: unknown = await response.json();
  if (typeof body === "object" && body !== null && "key" in body && typeof body.key === "string") return body.key;
  throw new Error(`POST /v1/keys answered ${response.status}`);
}
