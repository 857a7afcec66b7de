import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { assertNode } from "../src/local/node/assert-node.ts";

// `npm test`: every check in turn, each shown as it runs, and one closing line with the sum. A failing step fails the run, but
// the later ones still run, so that one look shows everything.

const root = join(import.meta.dirname, "..");
const report = join(root, ".parapet", "vitest.json");

interface Tally {
  passed: number;
  failed: number;
}

interface Step {
  name: string;
  command: string[];
  /** Counts what ran; a step without tests of its own is one check. */
  count?: (exitCode: number) => Tally;
}

const steps: Step[] = [
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "lint", command: ["oxlint", "--deny-warnings"] },
  { name: "binding types", command: ["wrangler", "types", "src/worker-configuration.d.ts"] },
  { name: "types", command: ["tsc", "--noEmit"] },
  {
    name: "tests",
    command: [
      "vitest",
      "run",
      "--config",
      "test/vitest.config.ts",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ],
    count: countTests,
  },
  { name: "production bundle", command: ["node", "test/bundle.ts"] },
];

function run(command: string[]): Promise<number> {
  const [file = "", ...args] = command;
  const child = spawn(file, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" },
  });
  return new Promise((resolve) => {
    child.once("error", () => resolve(127));
    child.once("close", (code) => resolve(code ?? 1));
  });
}

/** A run that ended badly without a failed test (a crash, an unhandled error) counts as one failure. */
function countTests(exitCode: number): Tally {
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const {
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: skipped,
  } = JSON.parse(readFileSync(report, "utf8"));
  if (skipped > 0) process.stdout.write(`${skipped} skipped\n`);
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}

assertNode();
rmSync(report, { force: true });
const total: Tally = { passed: 0, failed: 0 };
for (const { name, command, count } of steps) {
  const startMs = Date.now();
  process.stdout.write(`\n=== ${name}: ${command.slice(0, 3).join(" ")}\n`);
  const exitCode = await run(command);
  const tally = count?.(exitCode) ?? { passed: exitCode === 0 ? 1 : 0, failed: exitCode === 0 ? 0 : 1 };
  total.passed += tally.passed;
  total.failed += tally.failed;
  process.stdout.write(
    `=== ${name}: ${exitCode === 0 ? "ok" : "FAILED"} in ${((Date.now() - startMs) / 1000).toFixed(1)} s\n`,
  );
}
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
