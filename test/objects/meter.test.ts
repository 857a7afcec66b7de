import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { utcDay } from "../../src/core/clock.ts";
import { newId } from "../../src/core/ids.ts";
import type { Settlement } from "../../src/core/meter.ts";
import { openDatabase } from "../../src/db/client.ts";
import { createKeyStore, type KeyRow } from "../../src/db/key-store.ts";
import { createUsageStore } from "../../src/db/usage-store.ts";
import { auditRecord, usageRecord } from "../support/records.ts";

const keys = createKeyStore(openDatabase(env.DB));
const usage = createUsageStore(openDatabase(env.DB));

async function makeKey(limits: Partial<KeyRow> = {}): Promise<string> {
  const id = newId("key");
  const row: KeyRow = {
    id,
    rootId: id,
    projectId: "prj_default",
    name: "test",
    scopes: ["chat"],
    requestsPerMinute: null,
    tokensPerMinute: null,
    dailyBudgetMicros: null,
    monthlyBudgetMicros: null,
    onDisconnect: "abort",
    createdAtMs: Date.now(),
    expiresAtMs: null,
    revokedAtMs: null,
    rotatedFrom: null,
    ...limits,
  };
  await keys.insertKey(row, auditRecord());
  return row.id;
}

function meterFor(subjectId = `sub_${newId("request")}`) {
  return env.METER.getByName(`prj_default/${subjectId}`);
}

type MeterStub = ReturnType<typeof meterFor>;

async function admit(meter: MeterStub, keyId: string | null, costMicros: number) {
  const holdId = newId("hold");
  const draft = { audit: auditRecord({ actor: keyId ?? "admin" }), usage: usageRecord({ costMicros: 0 }) };
  const admission = await meter.admit({
    holdId,
    keyId,
    traceId: draft.audit.traceId,
    draft,
    bound: { costMicros, tokens: 15 },
  });
  return { holdId, admission, draft };
}

function settlement(costMicros: number): Settlement {
  return {
    costMicros,
    tokens: 15,
    usage: [usageRecord({ costMicros })],
    audit: auditRecord({ costMicros }),
    trace: null,
  };
}

async function spentBy(subject: string): Promise<number> {
  const groups = await usage.summariseUsage("prj_default", {
    groupBy: ["subject"],
    fromMs: 0,
    toMs: Date.now() + 1000,
    filters: { subjectId: subject },
    after: null,
    limit: 10,
  });
  return groups[0]?.costMicros ?? 0;
}

describe("a meter", () => {
  it("never admits beyond the budget, with 200 requests in flight", async () => {
    const meter = meterFor();
    const keyId = await makeKey({ dailyBudgetMicros: 5_000 });
    const results = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const { holdId, admission } = await admit(meter, keyId, 100);
        if (admission.admitted) await meter.settle(holdId, settlement(100));
        return admission;
      }),
    );
    expect(results.filter((result) => result.admitted)).toHaveLength(50);
    const refusals = results.flatMap((result) => (result.admitted ? [] : [result.refusal.code]));
    expect(new Set(refusals)).toEqual(new Set(["budget_exceeded"]));
  });

  it("lets waiting requests have what running ones did not use", async () => {
    const meter = meterFor();
    const keyId = await makeKey({ dailyBudgetMicros: 5_000 });
    let spent = 0;
    let spentAtFirstRefusal: number | null = null;
    await Promise.all(
      Array.from({ length: 200 }, async () => {
        const { holdId, admission } = await admit(meter, keyId, 100);
        if (!admission.admitted) {
          spentAtFirstRefusal ??= spent;
          return;
        }
        await meter.settle(holdId, settlement(50));
        spent += 50;
      }),
    );
    expect(spentAtFirstRefusal).toBeGreaterThanOrEqual(4_900);
    expect(spent).toBeLessThanOrEqual(5_000);
  });

  it("refuses a key that was revoked, and one that never was", async () => {
    const meter = meterFor();
    const keyId = await makeKey({ revokedAtMs: Date.now() });
    expect((await admit(meter, keyId, 0)).admission).toMatchObject({
      admitted: false,
      refusal: { code: "unauthenticated" },
    });
    expect((await admit(meter, newId("key"), 0)).admission).toMatchObject({
      admitted: false,
      refusal: { code: "unauthenticated" },
    });
  });

  it("counts what was billed above the bound, and stops the next call", async () => {
    const meter = meterFor();
    const keyId = await makeKey({ dailyBudgetMicros: 1_000 });
    const { holdId } = await admit(meter, keyId, 100);
    await meter.settle(holdId, settlement(1_500));
    expect((await admit(meter, keyId, 0)).admission).toMatchObject({
      admitted: false,
      refusal: { code: "budget_exceeded" },
    });
  });

  it("settles a hold once, whoever comes second", async () => {
    const meter = meterFor();
    const { holdId } = await admit(meter, null, 100);
    await meter.settle(holdId, settlement(70));
    await meter.settle(holdId, settlement(70));
    await runInDurableObject(meter, (_instance, state) => {
      const spend = state.storage.sql.exec("select micros from spend where period = ?", utcDay(Date.now())).one();
      expect(spend["micros"]).toBe(70);
    });
  });

  it("settles an orphan at its bound, once, and marks it estimated", async () => {
    const subjectId = "sub_orphan";
    const meter = meterFor(subjectId);
    const { holdId, draft } = await admit(meter, null, 100);
    draft.usage.subjectId = subjectId;
    await meter.report(holdId, 42);
    await runInDurableObject(meter, (_instance, state) => {
      // As if the worker had been silent for longer than the lease.
      state.storage.sql.exec("update hold set lease_until_ms = 0");
    });
    // What is in memory goes with the object; the rows stay.
    await runInDurableObject(meter, (_instance, state) => state.abort()).catch(() => undefined);
    await runDurableObjectAlarm(env.METER.getByName(`prj_default/${subjectId}`));
    await meterFor(subjectId).settle(holdId, settlement(70));
    await runDurableObjectAlarm(env.METER.getByName(`prj_default/${subjectId}`));
    await env.COLLECTOR.getByName("prj_default").flush();
    const { results } = await env.DB.prepare(
      "select cost_micros, output_tokens, estimated, outcome from usage where id = ?",
    )
      .bind(draft.usage.id)
      .all();
    // The bound is the cost; the count is what the stream had reported.
    expect(results).toEqual([{ cost_micros: 100, output_tokens: 42, estimated: 1, outcome: "orphaned" }]);
  });

  it("keeps its spend, its window and its holds over a restart", async () => {
    const subjectId = "sub_restart";
    const keyId = await makeKey({ dailyBudgetMicros: 1_000, requestsPerMinute: 3 });
    const { holdId } = await admit(meterFor(subjectId), keyId, 500);
    const second = await admit(meterFor(subjectId), keyId, 300);
    await meterFor(subjectId).settle(second.holdId, settlement(300));
    await runInDurableObject(meterFor(subjectId), (_instance, state) => state.abort()).catch(() => undefined);
    const again = meterFor(subjectId);
    await runInDurableObject(again, (_instance, state) => {
      expect(state.storage.sql.exec("select count(*) n from hold").one()["n"]).toBe(2);
    });
    expect((await admit(again, keyId, 201)).admission).toMatchObject({ admitted: false });
    expect((await admit(again, keyId, 200)).admission).toMatchObject({ admitted: true });
    expect((await admit(again, keyId, 0)).admission).toMatchObject({
      admitted: false,
      refusal: { limit: "requests_per_minute" },
    });
    await again.settle(holdId, settlement(500));
  });

  it("gives each subject a content key of its own, always the same", async () => {
    const [first, second] = [meterFor(), meterFor()];
    const own = await first.contentKey();
    expect(await first.contentKey()).toBe(own);
    expect(await second.contentKey()).not.toBe(own);
  });
});

describe("the ledger", () => {
  let subjectId: string;
  beforeAll(() => {
    subjectId = `sub_${newId("request")}`;
  });

  it("in D1 sums to what was settled, each row once", async () => {
    const meter = meterFor(subjectId);
    for (const costMicros of [10, 20, 30]) {
      const { holdId } = await admit(meter, null, 100);
      const row = settlement(costMicros);
      await meter.settle(holdId, { ...row, usage: row.usage.map((entry) => ({ ...entry, subjectId })) });
    }
    await runDurableObjectAlarm(meter);
    await env.COLLECTOR.getByName("prj_default").flush();
    expect(await spentBy(subjectId)).toBe(60);
  });
});
