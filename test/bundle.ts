import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { runCommand } from "../src/local/node/run-command.ts";
import { readWorker } from "./bench/gateway/build-worker.ts";
import { emptyWorker, measureStartUp } from "./bench/gateway/start-up.ts";

// Builds what production deploys, proves that no simulator is in it, and prints what it weighs and how long it takes to start.

const root = join(import.meta.dirname, "..");

/** Workers' limit for a compressed worker on the paid plan is 10 MB; this one is ours. */
const maxGzipBytes = 600 * 1024;

/** Text that only the simulators and the local servers have. */
const simulatorMarks = ["LocalAI", "LocalVectorize", "LocalVectors", "node-llama-cpp", "energetic-ai"];

const objects = [
  "METER",
  "COLLECTOR",
  "COLLECTION",
  "EVAL_RUNNER",
  "ALLOWANCE",
  "REPLAY",
  "RESPONSE_CACHE",
  "RESPONSE_SESSION",
  "PROVIDER_HEALTH",
];
const bindings = [...objects, "DB", "CONTENT", "VECTORIZE", "AI"];

const folder = mkdtempSync(join(tmpdir(), "parapet-bundle-"));
try {
  const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
  const output = await runCommand({
    file: process.execPath,
    args: [wrangler, "deploy", "--dry-run", "--env", "production", "--minify", "--outdir", folder],
    cwd: root,
    env: { WRANGLER_SEND_METRICS: "false", CI: "true" },
    timeoutMs: 120_000,
  });
  for (const binding of bindings) {
    if (!output.includes(`env.${binding}`)) throw new Error(`the production environment has no binding ${binding}`);
  }
  const files = readdirSync(folder).filter((name) => !name.endsWith(".map") && name !== "README.md");
  const contents = files.map((name) => readFileSync(join(folder, name)));
  const found = simulatorMarks.filter((mark) => contents.some((content) => content.includes(mark)));
  if (found.length > 0) throw new Error(`the production bundle contains local code: ${found.join(", ")}`);
  const bytes = contents.reduce((total, content) => total + content.length, 0);
  const gzipBytes = contents.reduce((total, content) => total + gzipSync(content).length, 0);
  process.stdout.write(
    `bundle: ${kib(bytes)}, ${kib(gzipBytes)} gzip, without simulators; ${await describeStartUp(folder)}\n`,
  );
  if (gzipBytes > maxGzipBytes) throw new Error(`the bundle is larger than ${kib(maxGzipBytes)} gzip`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** How long workerd takes with it until it listens, and then to its first answer: against a worker that does nothing. */
async function describeStartUp(bundleFolder: string): Promise<string> {
  const settings = { PARAPET_ENVIRONMENT: "production", PARAPET_SECRET: "bundle-secret-bundle-secret-bundle-secret" };
  const [empty, bundle] = await measureStartUp([emptyWorker, { ...readWorker(bundleFolder), text: settings }]);
  if (empty === undefined || bundle === undefined) throw new Error("the start-up was not measured");
  return `starts in ${bundle.listeningMs.toFixed(0)} ms (an empty worker in ${empty.listeningMs.toFixed(0)}), first answer after ${bundle.firstAnswerMs.toFixed(0)} ms more (${empty.firstAnswerMs.toFixed(0)})`;
}

function kib(count: number): string {
  return `${(count / 1024).toFixed(0)} KiB`;
}
