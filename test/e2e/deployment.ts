import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPort } from "../../src/local/node/find-port.ts";
import { startModelServer } from "../../src/local/node/model-server.ts";
import { applyMigrations, startWorker } from "../../src/local/node/start-worker.ts";
import { startScriptedProvider } from "../support/scripted-provider.ts";
import { deploymentVariables } from "./deployment-variables.ts";

const root = join(import.meta.dirname, "..", "..");
const firstPort = 9_100;

/** A deployment under test: `wrangler dev` with its own empty state, and what it talks to. */
export interface TestDeployment {
  url: string;
  /** The scripted provider, without `/v1`. */
  providerUrl: string;
  /** An empty file of variables: what a developer keeps in `.dev.vars` stays out of every test. */
  emptyEnvFile: string;
  stop(): Promise<void>;
}

/** Starts a scripted provider, local embeddings, and the worker under `wrangler dev`. Settings in `change` win. */
export async function startTestDeployment(change: Record<string, string> = {}): Promise<TestDeployment> {
  const state = mkdtempSync(join(tmpdir(), "parapet-e2e-"));
  const started: (() => unknown)[] = [() => rmSync(state, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of started.toReversed()) await end();
  };
  try {
    const emptyEnvFile = join(state, "empty.env");
    writeFileSync(emptyEnvFile, "");
    const provider = await startScriptedProvider();
    started.push(() => provider.close());
    const models = await startModelServer({ port: 0, model: "none" });
    started.push(() => models.close());
    await applyMigrations({ root, persistTo: state });
    const worker = await startWorker({
      root,
      port: await findPort(firstPort),
      persistTo: state,
      envFile: emptyEnvFile,
      variables: { ...deploymentVariables({ providerUrl: provider.url, modelsUrl: models.url }), ...change },
    });
    started.push(() => worker.stop());
    return { url: worker.url, providerUrl: provider.url, emptyEnvFile, stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}
