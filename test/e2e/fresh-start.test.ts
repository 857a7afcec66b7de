import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import { issueApiKey } from "../../src/core/api-key.ts";
import { newId } from "../../src/core/ids.ts";
import { defaultProject } from "../../src/core/principal.ts";
import { createSecretKeys } from "../../src/core/secret-keys.ts";
import { findPort } from "../../src/local/node/find-port.ts";
import { applyMigrations, startWorker, type RunningWorker } from "../../src/local/node/start-worker.ts";
import { chat, chatBody, errorOf, issueKey, send, type Caller } from "./api.ts";
import { adminToken, deploymentSecret, deploymentVariables } from "./deployment-variables.ts";

// What a newcomer meets before everything is set up: an instruction, never a stack trace.

const root = join(import.meta.dirname, "..", "..");
const firstPort = 9_400;

let state: string;
let worker: RunningWorker | null;

async function start(variables: Record<string, string>): Promise<string> {
  worker = await startWorker({
    root,
    port: await findPort(firstPort),
    persistTo: state,
    envFile: inject("emptyEnvFile"),
    variables,
  });
  return worker.url;
}

beforeEach(() => {
  worker = null;
  state = mkdtempSync(join(tmpdir(), "parapet-fresh-"));
});

afterEach(async () => {
  await worker?.stop();
  rmSync(state, { recursive: true, force: true });
});

describe("a fresh clone under `wrangler dev`", () => {
  it("without settings answers every path with what to do", async () => {
    const baseUrl = await start({});
    for (const path of ["/", "/healthz", "/v1/models"]) {
      const reply = await send({ baseUrl, key: null }, "GET", path);
      expect(reply.status).toBe(503);
      expect(reply.json).toMatchObject({
        error: { code: "not_ready", message: expect.stringContaining("npm run dev") },
      });
      expect(reply.headers.get("x-should-retry")).toBe("false");
    }
  });

  it("with a setting that is wrong names it, and not its value", async () => {
    const baseUrl = await start({ PARAPET_ENVIRONMENT: "local", PARAPET_SECRET: "too short" });
    const reply = await send({ baseUrl, key: null }, "GET", "/healthz");
    expect(reply.status).toBe(503);
    expect(errorOf(reply)).toMatchObject({ code: "not_ready", message: expect.stringContaining("PARAPET_SECRET") });
    expect(reply.text).not.toContain("too short");
  });

  it("without migrations says which command to run, and serves as soon as it has run", async () => {
    const baseUrl = await start(deploymentVariables({ providerUrl: inject("providerUrl"), modelsUrl: null }));
    const admin: Caller = { baseUrl, key: adminToken };
    const claims = {
      rootKeyId: newId("key"),
      keyId: newId("key"),
      projectId: defaultProject,
      scopes: ["chat" as const],
      expiresAtMs: null,
      onDisconnect: "abort" as const,
    };
    const key: Caller = { baseUrl, key: await issueApiKey(claims, await createSecretKeys(deploymentSecret)) };
    const replies = {
      health: await send({ baseUrl, key: null }, "GET", "/healthz"),
      "a chat with the admin's token": await chat(admin, chatBody("scripted/ok")),
      "a chat with a key": await chat(key, chatBody("scripted/ok")),
      "a new key": await send(admin, "POST", "/v1/keys", { name: "first" }),
    };
    for (const [what, reply] of Object.entries(replies)) {
      expect(reply.status, `${what}: ${reply.text}`).toBe(503);
      expect(errorOf(reply), what).toMatchObject({
        code: "not_ready",
        message: expect.stringContaining("npm run migrate"),
      });
      expect(reply.headers.get("x-should-retry"), what).toBe("false");
    }
    await applyMigrations({ root, persistTo: state });
    expect((await send({ baseUrl, key: null }, "GET", "/healthz")).status).toBe(200);
    const first = await issueKey({}, admin);
    expect((await chat(first, chatBody("scripted/ok"))).status).toBe(200);
  });
});
