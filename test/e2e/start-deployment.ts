import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { findPort } from "../../src/local/node/find-port.ts";
import { startModelServer } from "../../src/local/node/model-server.ts";
import { applyMigrations, startWorker } from "../../src/local/node/start-worker.ts";
import { startScriptedProvider } from "../support/scripted-provider.ts";
import { adminToken, deploymentVariables } from "./deployment-variables.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The deployment under test: `wrangler dev` with its own empty state. */
    baseUrl: string;
    adminToken: string;
    /** The scripted provider, without `/v1`. */
    providerUrl: string;
    /** An empty file of variables: what a developer keeps in `.dev.vars` stays out of every test. */
    emptyEnvFile: string;
  }
}

const root = join(import.meta.dirname, "..", "..");
const firstPort = 9_100;

/** Starts what every end-to-end test talks to: a scripted provider, local embeddings, and the worker under `wrangler dev`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const state = mkdtempSync(join(tmpdir(), "parapet-e2e-"));
  const started: (() => unknown)[] = [() => rmSync(state, { recursive: true, force: true })];
  const tearDown = async () => {
    for (const stop of started.toReversed()) await stop();
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
      variables: deploymentVariables({ providerUrl: provider.url, modelsUrl: models.url }),
    });
    started.push(() => worker.stop());
    project.provide("baseUrl", worker.url);
    project.provide("adminToken", adminToken);
    project.provide("providerUrl", provider.url);
    project.provide("emptyEnvFile", emptyEnvFile);
  } catch (cause) {
    await tearDown();
    throw cause;
  }
  return tearDown;
}
