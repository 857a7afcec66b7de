import { spawn } from "node:child_process";
import { join } from "node:path";
import { assertNode } from "../../src/local/node/assert-node.ts";

// `npm run test:full`: the runs that take too long for `npm test`, one after the other. What they last printed is in
// docs/long-runs.md.

const root = join(import.meta.dirname, "..", "..");
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const e2e = [vitest, "run", "--config", "test/vitest.config.ts", "--project", "e2e"];

const runs: { name: string; args: string[]; variables?: Record<string, string> }[] = [
  {
    name: "chaos, two minutes",
    args: [...e2e, "test/e2e/chaos.test.ts"],
    variables: { PARAPET_CHAOS_SECONDS: "120" },
  },
  {
    name: "memory over 20,000 requests and a stream of 50 MB",
    args: ["--disable-warning=ExperimentalWarning", "test/full/memory.ts"],
  },
];

assertNode();
let failed = 0;
for (const { name, args, variables = {} } of runs) {
  process.stdout.write(`\n== ${name}\n`);
  if ((await run(args, variables)) !== 0) failed += 1;
}
process.stdout.write(`\n${runs.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

function run(args: string[], variables: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, WRANGLER_SEND_METRICS: "false", ...variables },
    });
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}
