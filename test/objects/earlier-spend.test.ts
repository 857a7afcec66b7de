import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { and, eq } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { newId } from "../../src/core/ids.ts";
import type { AdmitRequest } from "../../src/core/meter.ts";
import type { UsageRecord } from "../../src/core/records.ts";
import { createSecretKeys } from "../../src/core/secret-keys.ts";
import { openDatabase } from "../../src/db/client.ts";
import { budgets, keys } from "../../src/db/schema.ts";
import { parseSettings } from "../../src/env.ts";
import { EarlierSpend } from "../../src/objects/earlier-spend.ts";
import { MoneyBook } from "../../src/objects/money-book.ts";
import { allowanceOf, ask, meterOf, newProject, setBudget, settle, type Subject } from "../support/nested-budgets.ts";

const db = openDatabase(env.DB);
const budgetMicros = 1_000;

interface Call {
  admit?: Partial<AdmitRequest>;
  usage?: Partial<UsageRecord>;
}

async function spend(subject: Subject, micros: number, { admit, usage }: Call = {}): Promise<void> {
  const asked = await ask(subject, micros, admit);
  expect(asked.admission.admitted).toBe(true);
  await settle(subject, asked, micros, usage);
}

/** A restarted object reads D1 again, as others do within 10 s. */
async function restart(stub: DurableObjectStub): Promise<void> {
  await runInDurableObject(stub, (_instance, state) => state.abort()).catch(() => undefined);
}

async function expectLeft(subject: Subject, leftMicros: number, { admit }: Call = {}): Promise<void> {
  const refused = (await ask(subject, leftMicros + 1, admit)).admission;
  expect(refused.admitted ? "admitted" : refused.refusal.message).toContain(`: ${leftMicros} left, up to`);
  expect((await ask(subject, leftMicros, admit)).admission.admitted).toBe(true);
}

function newSubject(projectId = newProject()): Subject {
  return { projectId, subjectId: newId("request").replace("req", "sub") };
}

async function insertKey(projectId: string, rootId: string, id = rootId): Promise<void> {
  await db.insert(keys).values({ id, rootId, projectId, name: "test", scopes: ["chat"], createdAtMs: systemClock() });
}

describe("a budget that is set in mid-period counts what was spent before", () => {
  it("by a project's subjects", async () => {
    const one = newSubject();
    const other = newSubject(one.projectId);
    await spend(one, 400);
    await meterOf(one.projectId, one.subjectId).deliver();
    await spend(other, 200);
    await setBudget(one.projectId, "project", "", { dailyBudgetMicros: budgetMicros });
    await restart(meterOf(other.projectId, other.subjectId));
    await expectLeft(other, 400);
  });

  it("for a feature, and not for others", async () => {
    const one = newSubject();
    await spend(one, 300, { admit: { feature: "search" }, usage: { feature: "search" } });
    const call = { admit: { feature: "checkout" }, usage: { feature: "checkout" } };
    await spend(one, 600, call);
    await setBudget(one.projectId, "feature", "checkout", { monthlyBudgetMicros: budgetMicros });
    await restart(meterOf(one.projectId, one.subjectId));
    await expectLeft(one, 400, call);
  });

  it("with every key of a line of rotations", async () => {
    const one = newSubject();
    const [rootKeyId, successor] = [newId("key"), newId("key")];
    await insertKey(one.projectId, rootKeyId);
    await insertKey(one.projectId, rootKeyId, successor);
    const callWith = (keyId: string) => ({ admit: { keyId, rootKeyId }, usage: { keyId } });
    await spend(one, 400, callWith(rootKeyId));
    await spend(one, 200, callWith(successor));
    await setBudget(one.projectId, "key", rootKeyId, { dailyBudgetMicros: budgetMicros });
    await restart(meterOf(one.projectId, one.subjectId));
    await expectLeft(one, 400, callWith(successor));
  });

  it("by those a key acts for, where the limit is the key's own", async () => {
    const one = newSubject();
    const keyId = newId("key");
    await insertKey(one.projectId, keyId);
    const secretKeys = await createSecretKeys(parseSettings(env).PARAPET_SECRET);
    const own = { ...one, subjectId: await secretKeys.subjectId(one.projectId, keyId) };
    const acting = { admit: { keyId, rootKeyId: keyId, actsForAnother: true }, usage: { keyId } };
    await spend(own, 300, { admit: { keyId, rootKeyId: keyId }, usage: { keyId } });
    await meterOf(own.projectId, own.subjectId).deliver();
    await spend(one, 600, acting);
    await db.update(keys).set({ dailyBudgetMicros: budgetMicros }).where(eq(keys.id, keyId));
    await restart(meterOf(one.projectId, one.subjectId));
    await expectLeft(one, 400, acting);
  });

  it("by a subject", async () => {
    const one = newSubject();
    await spend(one, 600);
    await setBudget(one.projectId, "subject", one.subjectId, { dailyBudgetMicros: budgetMicros });
    await restart(meterOf(one.projectId, one.subjectId));
    await expectLeft(one, 400);
  });

  it("and what was spent while it was deleted", async () => {
    const one = newSubject();
    const { projectId } = one;
    await setBudget(projectId, "project", "", { dailyBudgetMicros: budgetMicros });
    await spend(one, 300);
    await db.delete(budgets).where(and(eq(budgets.projectId, projectId), eq(budgets.kind, "project")));
    await restart(meterOf(projectId, one.subjectId));
    await spend(one, 200);
    await setBudget(projectId, "project", "", { dailyBudgetMicros: budgetMicros });
    await Promise.all([meterOf(projectId, one.subjectId), allowanceOf(projectId, "project")].map(restart));
    await expectLeft(one, 500);
  });
});

describe("what a budget's own children told is counted once", () => {
  it("after a restart of the budget's object", async () => {
    const one = newSubject();
    await setBudget(one.projectId, "project", "", { dailyBudgetMicros: budgetMicros });
    await spend(one, 600);
    await meterOf(one.projectId, one.subjectId).deliver();
    await restart(allowanceOf(one.projectId, "project"));
    await expectLeft(one, 400);
  });

  it("where a limit is added to a budget", async () => {
    const one = newSubject();
    await setBudget(one.projectId, "project", "", { monthlyBudgetMicros: 10 * budgetMicros });
    await spend(one, 600);
    await setBudget(one.projectId, "project", "", { dailyBudgetMicros: budgetMicros });
    await Promise.all([meterOf(one.projectId, one.subjectId), allowanceOf(one.projectId, "project")].map(restart));
    await expectLeft(one, 400);
  });

  it("on each day anew, and durably", async () => {
    const spentInD1: Record<string, number> = { "2026-11-20": 70, "2026-11-21": 5, "2026-11": 75 };
    const stub = allowanceOf(newProject(), "project");
    await runInDurableObject(stub, async (_instance, { storage: { sql } }) => {
      const open = () => {
        const money = new MoneyBook(sql);
        const earlier = new EarlierSpend(sql, money, {
          hear: async () => undefined,
          bringIn: async () => undefined,
          readSpent: async (period) => spentInD1[period] ?? 0,
          counted: () => undefined,
        });
        return { money, earlier };
      };
      const first = open();
      await first.earlier.count("p/one", ["2026-11-20", "2026-11"], "bud_1");
      first.money.apply("p/one", [{ period: "2026-11-20", spentMicros: 20, returnedMicros: 0 }]);
      spentInD1["2026-11-20"] = 90;
      spentInD1["2026-11"] = 95;

      const { money, earlier } = open();
      await earlier.count("p/one", ["2026-11-20", "2026-11"], "bud_1");
      await earlier.count("p/one", ["2026-11-21", "2026-11"], "bud_1");
      const spent = ["2026-11-20", "2026-11-21", "2026-11"].map((period) => money.spentMicros(period));
      expect(spent).toEqual([90, 5, 75]);
    });
  });
});

it("grants nothing while nobody can say what was spent before", async () => {
  const one = newSubject();
  await setBudget(one.projectId, "project", "", { dailyBudgetMicros: budgetMicros });
  const collector = env.COLLECTOR.getByName(one.projectId);
  await runInDurableObject(collector, (instance) => {
    instance.flushUsage = () => Promise.reject(new Error("The database cannot be reached right now."));
  });
  const refused = (await ask(one, 1)).admission;
  expect(refused).toMatchObject({ admitted: false, refusal: { code: "meter_unavailable" } });
});
