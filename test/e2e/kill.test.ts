import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { findPort } from "../../src/local/node/find-port.ts";
import { applyMigrations, startWorker, type RunningWorker } from "../../src/local/node/start-worker.ts";
import { chat, chatBody, errorOf, issueKey, open, readingScopes, type Caller, type IssuedKey } from "./api.ts";
import { adminToken, deploymentVariables } from "./deployment-variables.ts";
import { readEvents } from "./read-events.ts";
import { auditOf, listAudit, listUsage, usageOfKey } from "./records.ts";

// A worker of its own, because it is killed: nothing it could do on its way out may be needed.

const root = join(import.meta.dirname, "..", "..");
const firstPort = 9_300;
const maxTokens = 500;
/** Every token at 10 micro-USD; the prompt is free. */
const boundMicros = 5_000;
const budgetMicros = 7_000;

let state: string;
let port: number;
let worker: RunningWorker;
let admin: Caller;
let key: IssuedKey;
let reader: IssuedKey;
let traceId: string;
let received: string;

function start(): Promise<RunningWorker> {
  return startWorker({
    root,
    port,
    persistTo: state,
    envFile: inject("emptyEnvFile"),
    variables: deploymentVariables({ providerUrl: inject("providerUrl"), modelsUrl: null }),
  });
}

/** Reads until the connection breaks. */
async function readAll(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true });
  } catch {
    // The worker was killed.
  }
  return text;
}

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "parapet-kill-"));
  port = await findPort(firstPort);
  await applyMigrations({ root, persistTo: state });
  worker = await start();
  admin = { baseUrl: worker.url, key: adminToken };
  key = await issueKey({ scopes: ["chat"], limits: { daily_budget_micros: budgetMicros } }, admin);
  reader = await issueKey({ scopes: readingScopes }, admin);

  const response = await open(
    key,
    "POST",
    "/v1/chat/completions",
    chatBody("scripted/long-200~free-input", { stream: true, max_completion_tokens: maxTokens }),
  );
  traceId = response.headers.get("x-parapet-trace") ?? "";
  // The headers come with the first token; the other 199 are 20 ms apart.
  process.kill(-worker.pid, "SIGKILL");
  received = await readAll(response);
  await worker.exited;
  worker = await start();
});

afterAll(async () => {
  await worker?.stop();
  rmSync(state, { recursive: true, force: true });
});

describe("a worker that is killed in the middle of a stream", () => {
  it("leaves its client without a finish", () => {
    const wholeEvents = received.slice(0, received.lastIndexOf("\n\n") + 2);
    expect(readEvents(wholeEvents)).toMatchObject({ finishReason: null, isDone: false });
  });

  it("has its hold settled at the bound after a restart, without anybody asking for that subject again", async () => {
    expect(await auditOf(reader, traceId)).toMatchObject({
      actor: key.id,
      outcome: "orphaned",
      estimated: true,
      costMicros: boundMicros,
    });
    expect(await usageOfKey(reader, key.id, 1)).toMatchObject({
      calls: 1,
      failed_calls: 1,
      estimated_calls: 1,
      cost_micros: boundMicros,
    });
  });

  it("has spent that much of its budget", async () => {
    const ask = (tokens: number) =>
      chat(key, chatBody("scripted/usage-0-50~free-input", { max_completion_tokens: tokens }));
    const left = (budgetMicros - boundMicros) / 10;
    const refused = await ask(left + 1);
    expect(errorOf(refused)).toMatchObject({ code: "budget_exceeded" });
    expect(errorOf(refused).message).toContain(`${budgetMicros - boundMicros} left`);
    const served = await ask(left);
    expect(served.status, served.text).toBe(200);
    await auditOf(reader, served.traceId);
  });

  it("has each row once, also when it is killed again", async () => {
    process.kill(-worker.pid, "SIGKILL");
    await worker.exited;
    worker = await start();
    const served = await chat(key, chatBody("scripted/usage-0-50~free-input", { max_completion_tokens: 100 }));
    expect(served.status, served.text).toBe(200);
    await auditOf(reader, served.traceId);
    expect(await listAudit(reader, { trace_id: traceId })).toHaveLength(1);
    const usage = await listUsage(reader, { key: key.id, group_by: "model" });
    expect(usage.find(({ group }) => group["model"] === "scripted/long-200~free-input")).toMatchObject({ calls: 1 });
  });
});
