import { join } from "node:path";
import { assertNode } from "./assert-node.ts";
import { ensureDevSettings } from "./dev-settings.ts";
import { ensureKey } from "./ensure-key.ts";
import { defaultWeights } from "./ensure-weights.ts";
import { findPort } from "./find-port.ts";
import { startModelServer, type ModelServer } from "./model-server.ts";
import type { OnProgress } from "./progress.ts";
import { takeState } from "./state-lock.ts";
import { applyMigrations, startWorker, type RunningWorker } from "./start-worker.ts";

/** A running local deployment: worker and model server. */
export interface Stack {
  url: string;
  key: string;
  adminToken: string;
  models: ModelServer;
  worker: RunningWorker;
  stop(): Promise<void>;
}

export const repositoryRoot = join(import.meta.dirname, "..", "..", "..");
const usualPort = 8787;

/** Brings up everything local: model, migrations, secrets, worker, key. Each step says what it does. */
export async function startStack({
  onProgress,
  port,
}: {
  onProgress: OnProgress;
  port?: number | undefined;
}): Promise<Stack> {
  assertNode();
  const lock = takeState(repositoryRoot);
  const settings = ensureDevSettings(repositoryRoot);
  onProgress({ message: "Applying database migrations" });
  const [models] = await Promise.all([
    startModelServer({ port: 0, model: process.env["PARAPET_LOCAL_MODEL"], onProgress }),
    applyMigrations({ root: repositoryRoot }),
  ]);
  try {
    const freePort = await findPort(port ?? usualPort);
    if (freePort !== (port ?? usualPort))
      onProgress({ message: `Port ${port ?? usualPort} is taken; using ${freePort}` });
    onProgress({ message: "Starting the worker" });
    const worker = await startWorker({
      root: repositoryRoot,
      port: freePort,
      variables: variablesFor(models),
      onLine: showFailure,
    });
    const { url } = worker;
    const stop = async () => {
      await worker.stop();
      await models.close();
      lock.release();
    };
    try {
      const key = await ensureKey({ root: repositoryRoot, url, adminToken: settings.PARAPET_ADMIN_TOKEN });
      lock.publish(url);
      return { url, key, adminToken: settings.PARAPET_ADMIN_TOKEN, models, worker, stop };
    } catch (cause) {
      await worker.stop();
      throw cause;
    }
  } catch (cause) {
    await models.close();
    lock.release();
    throw cause;
  }
}

/** The worker's own word on what went wrong; the rest of wrangler's output is noise here. */
function showFailure(line: string): void {
  if (/^\{"level":"(?:error|warning)"/.test(line)) process.stderr.write(`${line}\n`);
}

/** The default weights are too small for the prompt that every other model gets. */
function variablesFor({ url, chatModel }: ModelServer): Record<string, string> {
  const isDefault = chatModel === `local/${defaultWeights.name}`;
  return { PARAPET_LOCAL_MODEL_URL: url, ...(isDefault ? { PARAPET_GROUNDED_PROMPT: "grounded-answer-small" } : {}) };
}

/** Runs until a signal comes or the worker ends by itself, then cleans up. */
export async function serveUntilStopped(stack: Stack, stopped: Promise<void>): Promise<void> {
  const lastOutput = await Promise.race([stopped.then(() => null), stack.worker.exited]);
  await stack.stop();
  if (lastOutput !== null) throw new Error(`The worker ended by itself:\n${lastOutput}`);
}
