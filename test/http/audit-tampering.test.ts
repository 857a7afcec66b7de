import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { chainAfter, genesis } from "../../src/audit/chain.ts";
import { createAuditStore } from "../../src/db/audit-store.ts";
import { openDatabase } from "../../src/db/client.ts";
import { auditRecord } from "../support/records.ts";
import { adminToken, callWorker, makeKey, scriptedEnv } from "../support/call-worker.ts";

// The cases build on one another: a log that was tampered with stays so.
const audit = createAuditStore(openDatabase(env.DB));
const verify = async () => (await callWorker(scriptedEnv(), "/v1/audit/verify", { key: adminToken })).json;
const chain = () => audit.readChain("prj_default", { afterSeq: 0, limit: 1000 });

describe("with write access to the database, the audit log", () => {
  it("verifies while nobody uses it", async () => {
    await makeKey(["chat"]);
    expect(await verify()).toMatchObject({ valid: true, broken: null });
  });

  it("shows an edit of a column that lists are filtered by", async () => {
    const { results } = await env.DB.prepare("select action from audit where seq = 1").all();
    await env.DB.prepare("update audit set action = 'hidden' where seq = 1").run();
    expect(await verify()).toMatchObject({ valid: false, broken: { seq: 1, reason: "edited" } });
    await env.DB.prepare("update audit set action = ? where seq = 1").bind(results[0]?.["action"]).run();
    expect(await verify()).toMatchObject({ valid: true });
  });

  it("shows rows that were chained anew and rows that were made up, and loses no real one to them", async () => {
    const entries = await chain();
    await env.DB.prepare("delete from audit").run();
    let head = genesis;
    const forged = [
      ...entries.map((entry) => entry.record),
      ...Array.from({ length: 5 }, () => auditRecord({ action: "made.up" })),
    ].map((record) => {
      const entry = chainAfter(head, { ...record, costMicros: 0, outcome: "forged" });
      head = { seq: entry.seq, hash: entry.hash };
      return entry;
    });
    await audit.insertChained("prj_default", forged);
    expect(await verify()).toMatchObject({ valid: false });
    await makeKey(["chat"]);
    const after = await verify();
    expect(after.valid).toBe(false);
    // What really happened waits in the collector: nothing took its place unnoticed.
    expect(after.backlog).toBeGreaterThan(0);
  });
});
