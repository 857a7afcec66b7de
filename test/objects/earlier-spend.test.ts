import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { and, eq } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { newId } from "../../src/core/ids.ts";
import type { AdmitRequest } from "../../src/core/meter.ts";
import type { UsageRecord } from "../../src/core/records.ts";
import { openDatabase } from "../../src/db/client.ts";
import { budgets, keys } from "../../src/db/schema.ts";
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

async function insertKey(projectId: string, row: Partial<typeof keys.$inferInsert> & { id: string }): Promise<void> {
  const rest = { rootId: row.id, projectId, name: "test", scopes: ["chat"], createdAtMs: systemClock() };
  await db.insert(keys).values({ ...rest, ...row });
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
    await insertKey(one.projectId, { id: rootKeyId });
    await insertKey(one.projectId, { id: successor, rootId: rootKeyId });
    const callWith = (keyId: string) => ({ admit: { keyId, rootKeyId }, usage: { keyId } });
    await spend(one, 400, callWith(rootKeyId));
    await spend(one, 200, callWith(successor));
    await setBudget(one.projectId, "key", rootKeyId, { dailyBudgetMicros: budgetMicros });
    await restart(meterOf(one.projectId, one.subjectId));
    await expectLeft(one, 400, callWith(successor));
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

  it("where the limit is a key's own, which its calls as its own subject are not under", async () => {
    const one = newSubject();
    const own = newSubject(one.projectId);
    const keyId = newId("key");
    await insertKey(one.projectId, { id: keyId, dailyBudgetMicros: budgetMicros });
    const acting = { admit: { keyId, rootKeyId: keyId, actsForAnother: true }, usage: { keyId } };
    await spend(own, 300, { admit: { keyId, rootKeyId: keyId }, usage: { keyId } });
    await meterOf(own.projectId, own.subjectId).deliver();
    await spend(one, 600, acting);
    await expectLeft(one, 400, acting);
  });
});

describe("in its own object's storage", () => {
  const budget = { id: "bud_1", createdAtMs: Date.UTC(2026, 10, 20, 12) };

  /** As it opens after each eviction; `spentInD1` by period. */
  function open(sql: SqlStorage, spentInD1: Record<string, number>) {
    const money = new MoneyBook(sql);
    const earlier = new EarlierSpend(sql, money, {
      hear: async () => undefined,
      bringIn: async () => undefined,
      readSpent: async (period) => {
        const micros = spentInD1[period];
        if (micros === undefined) throw new Error("D1 is down.");
        return micros;
      },
      counted: () => undefined,
    });
    return { money, earlier };
  }

  it("what was counted once is neither counted nor read again after an eviction", () =>
    runInDurableObject(allowanceOf(newProject(), "project"), async (_instance, { storage: { sql } }) => {
      const first = open(sql, { "2026-11-20": 70, "2026-11": 75 });
      await first.earlier.count("p/one", ["2026-11-20", "2026-11"], budget);
      first.money.apply("p/one", [{ period: "2026-11-20", spentMicros: 20, returnedMicros: 0 }]);
      const second = open(sql, {});
      await second.earlier.count("p/one", ["2026-11-20", "2026-11"], budget);
      expect(["2026-11-20", "2026-11"].map((period) => second.money.spentMicros(period))).toEqual([90, 75]);
    }));

  it("a day that the budget was there for from its first moment needs no word of D1", () =>
    runInDurableObject(allowanceOf(newProject(), "project"), async (_instance, { storage: { sql } }) => {
      const { money, earlier } = open(sql, { "2026-11": 75 });
      await earlier.count("p/one", ["2026-11-21", "2026-11"], budget);
      expect(["2026-11-21", "2026-11"].map((period) => money.spentMicros(period))).toEqual([0, 75]);
      await expect(earlier.count("p/one", ["2026-11-20"], budget)).rejects.toThrow("D1 is down.");
    }));
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
