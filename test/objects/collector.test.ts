import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { genesis, verifyChain } from "../../src/audit/chain.ts";
import { newId } from "../../src/core/ids.ts";
import { createAuditStore } from "../../src/db/audit-store.ts";
import { openDatabase } from "../../src/db/client.ts";
import type { OutboxBatch } from "../../src/objects/meter-ledger.ts";
import { auditRecord, usageRecord } from "../support/records.ts";

const audit = createAuditStore(openDatabase(env.DB));

/** A project of its own: chains do not share. */
function project() {
  const projectId = newId("project");
  return { projectId, collector: env.COLLECTOR.getByName(projectId) };
}

function batch(projectId: string, from: number, to: number): { seq: number; rows: OutboxBatch }[] {
  return Array.from({ length: to - from + 1 }, (_unused, index) => ({
    seq: from + index,
    rows: {
      usage: [usageRecord({ projectId })],
      audit: [auditRecord({ projectId, action: `act${from + index}` })],
      trace: null,
    },
  }));
}

const actionsOf = async (projectId: string) =>
  (await audit.readChain(projectId, { afterSeq: 0, limit: 100 })).map((entry) => entry.record.action);

describe("a collector", () => {
  it("takes each source's rows once, in order, however often they come", async () => {
    const { projectId, collector } = project();
    const rows = batch(projectId, 1, 4);
    await collector.collect({ source: "meter-a", batch: rows.slice(0, 3) });
    await collector.flush();
    // A meter that died between the hand-over and its own delete sends the same rows again.
    await collector.collect({ source: "meter-a", batch: rows });
    await collector.flush();
    expect(await actionsOf(projectId)).toEqual(["act1", "act2", "act3", "act4"]);
    const { n } =
      (await env.DB.prepare("select count(*) n from usage where project_id = ?").bind(projectId).first()) ?? {};
    expect(n).toBe(4);
  });

  it("makes one chain of all its sources, which verifies", async () => {
    const { projectId, collector } = project();
    await Promise.all(["a", "b", "c"].map((source) => collector.collect({ source, batch: batch(projectId, 1, 5) })));
    await collector.flush();
    const entries = await audit.readChain(projectId, { afterSeq: 0, limit: 100 });
    expect(entries).toHaveLength(15);
    expect(verifyChain(genesis, entries)).toEqual({ head: (await collector.status()).head, broken: null });
  });

  it("chains what administrative changes left in the database", async () => {
    const { projectId, collector } = project();
    const insert = env.DB.prepare("insert into audit_outbox (project_id, record) values (?, ?)");
    await insert.bind(projectId, JSON.stringify(auditRecord({ projectId, action: "key.create" }))).run();
    expect((await collector.status()).unchained).toBe(1);
    await collector.flush();
    expect(await actionsOf(projectId)).toEqual(["key.create"]);
    expect(await collector.status()).toMatchObject({ unchained: 0, unwritten: 0 });
  });

  it("keeps everything while the database is out of reach, and writes it afterwards", async () => {
    const { projectId, collector } = project();
    await runInDurableObject(collector, async (instance) => {
      await instance.collect({ source: "meter-a", batch: batch(projectId, 1, 2) });
    });
    await env.DB.prepare("alter table audit rename to audit_away").run();
    expect(await collector.flush()).toBe(false);
    expect((await collector.status()).unwritten).toBe(2);
    await env.DB.prepare("alter table audit_away rename to audit").run();
    await collector.flush();
    expect(await actionsOf(projectId)).toEqual(["act1", "act2"]);
  });
});
