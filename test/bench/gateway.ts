/**
 * What Parapet adds to a call of a model provider: `npm run bench:gateway -- --help`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildWorker } from "./gateway/build-worker.ts";
import { startLoadGenerator, startProvider } from "./gateway/child.ts";
import { createKey, startDeployment } from "./gateway/deployment.ts";
import { describeErrors, measureRows, type Target } from "./gateway/measure.ts";
import { help, readOptions, type Options } from "./gateway/options.ts";
import { describeMachine, renderRows, renderStages, stageMethod, toJsonRow } from "./gateway/report.ts";
import { measureStages } from "./gateway/stages.ts";
import { providerName } from "./gateway/workload.ts";

const root = join(import.meta.dirname, "..", "..");

const options = readOptions(process.argv.slice(2));
if (options === null) process.stdout.write(help);
else await runBenchmark(options);

async function runBenchmark({ json, rounds, seconds, state }: Options): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parapet-bench-"));
  const stateFolder = mkdtempSync(join(state, "parapet-bench-"));
  const closing: (() => void | Promise<void>)[] = [];
  // On exit, so that an interrupted run leaves nothing behind either, least of all on a RAM disk.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  process.once("exit", () => {
    for (const path of [folder, stateFolder]) rmSync(path, { recursive: true, force: true });
  });
  try {
    progress("building the production bundle");
    const [parapet, stagesWorker] = await Promise.all([
      buildWorker({ root, folder: join(folder, "parapet") }),
      buildWorker({ root, folder: join(folder, "stages"), script: "test/bench/gateway/stage-worker.ts" }),
    ]);
    const provider = await startProvider();
    closing.push(() => provider.stop());
    const load = startLoadGenerator();
    closing.push(() => load.stop());
    const deployment = await startDeployment({
      root,
      folder: stateFolder,
      parapet,
      stages: stagesWorker,
      providerUrl: provider.url,
    });
    closing.push(() => deployment.stop());

    const bearer = async (url: string) => ({ Authorization: `Bearer ${await createKey(url)}` });
    const targets: Target[] = [
      { name: "direct", url: provider.url, headers: {}, model: (name) => name },
      { name: "pass-through", url: deployment.passThroughUrl, headers: {}, model: (name) => name },
      {
        name: "parapet",
        url: deployment.parapetUrl,
        headers: await bearer(deployment.parapetUrl),
        model: (name) => `${providerName}/${name}`,
      },
    ];
    const rows = await measureRows({ targets, load, pid: deployment.pid, rounds, seconds }, progress);
    progress("measuring the stages");
    const stages = await measureStages({ url: deployment.stagesUrl, key: await createKey(deployment.stagesUrl) });
    progress("");

    const stageTable = `${renderStages(stages)}\n\n${stageMethod}\n`;
    if (json) {
      for (const row of rows) process.stdout.write(`${JSON.stringify(toJsonRow(row))}\n`);
      process.stderr.write(`\n${describeMachine(state)}\n\n${stageTable}`);
    } else {
      process.stdout.write(`${describeMachine(state)}\n\n${renderRows(rows)}\n\n${stageTable}`);
    }
    for (const row of rows.filter(({ measured }) => measured.errors > 0)) {
      process.stderr.write(`${describeErrors(row)}\n`);
      process.exitCode = 1;
    }
  } catch (cause) {
    process.stderr.write(`\n${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exitCode = 1;
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
  else if (text !== "") process.stderr.write(`${text}\n`);
}
