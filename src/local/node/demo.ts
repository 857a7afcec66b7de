import { parseArgs } from "node:util";
import { DemoClient } from "./demo-client.ts";
import { demoSteps, type DemoStep } from "./demo-steps.ts";
import { describeAccess } from "./describe-access.ts";
import { createProgressPrinter } from "./progress.ts";
import { watchForStop } from "./on-stop.ts";
import { serveUntilStopped, startStack } from "./start-stack.ts";

const help = `npm run demo [-- --once] [-- --port N]

Starts Parapet on this machine and shows the main job on a sample handbook: three questions, a refused injection, a redacted
card number, the day's usage and the verified audit chain. Then it keeps serving.
  --once     end after the tour; exit code 0 only if every step did what it says
  --port N   the first port to try (8787)
`;

/** Runs the tour; returns the titles of the steps that did not do what they say. */
async function tour(client: DemoClient, write: (text: string) => void): Promise<string[]> {
  const failed: string[] = [];
  for (const [index, step] of demoSteps.entries()) {
    write(`\n${bold(`${index + 1}. ${step.title}`)}\n`);
    const problem = await run(step, client, write);
    if (problem === null) continue;
    failed.push(step.title);
    write(`   FAILED: ${problem}\n`);
  }
  return failed;
}

async function run(step: DemoStep, client: DemoClient, write: (text: string) => void): Promise<string | null> {
  try {
    return await step.run(client, (line) => write(`   ${line}\n`));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function bold(text: string): string {
  return process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { once: { type: "boolean" }, port: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    process.stdout.write(help);
    return;
  }
  const stop = watchForStop();
  const startedMs = Date.now();
  const write = (text: string) => void process.stdout.write(text);
  const stack = await startStack({
    onProgress: createProgressPrinter(process.stdout),
    port: values.port === undefined ? undefined : Number(values.port),
  });
  try {
    const failed = await tour(new DemoClient(stack), write);
    const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
    write(
      `\n${failed.length === 0 ? `Every step did what it says, in ${seconds} s.` : `Steps that failed: ${failed.join("; ")}.`}\n`,
    );
    if (failed.length > 0) process.exitCode = 1;
    if (values.once === true) return;
    write(describeAccess(stack));
    stop.serving();
    await serveUntilStopped(stack, stop.stopped);
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
