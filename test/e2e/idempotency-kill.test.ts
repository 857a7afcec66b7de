import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { findPort } from "../../src/local/node/find-port.ts";
import { applyMigrations, startWorker, type RunningWorker } from "../../src/local/node/start-worker.ts";
import { chatBody, errorOf, issueKey, open, readingScopes, send, type Caller, type IssuedKey } from "./api.ts";
import { adminToken, deploymentVariables } from "./deployment-variables.ts";
import { statsOf } from "./provider.ts";
import { auditOf, usageOfKey } from "./records.ts";

// A worker of its own, because it is killed in the middle of a run.

const root = join(import.meta.dirname, "..", "..");
const firstPort = 9_340;
const path = "/v1/chat/completions";
const model = "long-200~free-input";
/** Every token at 10 micro-USD; the prompt is free. */
const boundMicros = 5_000;
const body = chatBody(`scripted/${model}`, { stream: true, max_completion_tokens: 500 });
const headers = { "idempotency-key": "killed" };

let state: string;
let port: number;
let worker: RunningWorker;
let key: IssuedKey;
let reader: IssuedKey;
let traceId: string;
let askedBefore: number;

function start(): Promise<RunningWorker> {
  return startWorker({
    root,
    port,
    persistTo: state,
    envFile: inject("emptyEnvFile"),
    variables: deploymentVariables({ providerUrl: inject("providerUrl"), modelsUrl: null }),
  });
}

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "parapet-idempotency-"));
  port = await findPort(firstPort);
  await applyMigrations({ root, persistTo: state });
  worker = await start();
  const admin: Caller = { baseUrl: worker.url, key: adminToken };
  key = await issueKey({ scopes: ["chat"] }, admin);
  reader = await issueKey({ scopes: readingScopes }, admin);

  askedBefore = (await statsOf(model)).requests;
  const response = await open(key, "POST", path, body, { headers });
  traceId = response.headers.get("x-parapet-trace") ?? "";
  process.kill(-worker.pid, "SIGKILL");
  await response.text().catch(() => "");
  await worker.exited;
  worker = await start();
});

afterAll(async () => {
  await worker?.stop();
  rmSync(state, { recursive: true, force: true });
});

describe("a run whose object is killed in the middle of a stream", () => {
  it("is not run again under its key, and says so in an error that clients do not retry", async () => {
    for (let count = 0; count < 2; count += 1) {
      const reply = await send(key, "POST", path, body, { headers });
      expect(reply.status).toBe(409);
      expect(errorOf(reply)).toMatchObject({ code: "idempotent_request_interrupted", param: "Idempotency-Key" });
      expect(reply.headers.get("x-should-retry")).toBe("false");
    }
    expect((await statsOf(model)).requests).toBe(askedBefore + 1);
  });

  it("is charged once, at its bound", async () => {
    expect(await auditOf(reader, traceId)).toMatchObject({ outcome: "orphaned", costMicros: boundMicros });
    expect(await usageOfKey(reader, key.id, 1)).toMatchObject({ calls: 1, cost_micros: boundMicros });
  });

  it("leaves a new key free to run it", async () => {
    const reply = await send(key, "POST", path, chatBody("scripted/ok"), { headers: { "idempotency-key": "another" } });
    expect(reply.status, reply.text).toBe(200);
  });
});
