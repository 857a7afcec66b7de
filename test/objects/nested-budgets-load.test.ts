import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import {
  allowanceOf,
  ask,
  meterOf,
  newProject,
  setBudget,
  settle,
  type Asked,
  type Subject,
} from "../support/nested-budgets.ts";

const requests = 1_000;
const boundMicros = 100;
const budgetMicros = 50_000;
const killEveryMs = 50;
const patienceMs = 120_000;

interface Outcome {
  servedMicros: number[];
  /** Micro-USD settled when the first lasting refusal came; `null` without one. */
  spentAtFirstRefusal: number | null;
  lasting: number;
  /** Where the object died under the request. */
  unavailable: number;
}

function subjectsOf(projectId: string, count: number): Subject[] {
  return Array.from({ length: count }, (_, index) => ({ projectId, subjectId: `sub_${index}` }));
}

/** Asks until there is an answer: what is only reserved, or out of reach for a moment, may come. */
async function insist(subject: Subject, outcome: Outcome): Promise<Asked | null> {
  for (;;) {
    const asked = await ask(subject, boundMicros).catch(() => null);
    if (asked === null) {
      outcome.unavailable += 1;
      continue;
    }
    if (asked.admission.admitted) return asked;
    const { code } = asked.admission.refusal;
    if (code === "budget_exceeded") return null;
    if (code === "meter_unavailable") outcome.unavailable += 1;
    else expect(code).toBe("budget_reserved");
  }
}

/** The first settlement counts, so one whose answer was lost is sent again. */
async function settleSurely(subject: Subject, asked: Asked, costMicros: number): Promise<void> {
  for (;;) {
    const isDone = await settle(subject, asked, costMicros).then(
      () => true,
      () => false,
    );
    if (isDone) return;
  }
}

async function runAll(subjects: Subject[], costOf: (index: number) => number | null): Promise<Outcome> {
  const outcome: Outcome = { servedMicros: [], spentAtFirstRefusal: null, lasting: 0, unavailable: 0 };
  let spent = 0;
  await Promise.all(
    Array.from({ length: requests }, async (_, index) => {
      const subject = subjects[index % subjects.length];
      if (subject === undefined) throw new Error("there are subjects");
      const asked = await insist(subject, outcome);
      if (asked === null) {
        outcome.lasting += 1;
        outcome.spentAtFirstRefusal ??= spent;
        return;
      }
      const costMicros = costOf(index);
      // Without a cost the worker died: nobody settles.
      if (costMicros !== null) await settleSurely(subject, asked, costMicros);
      outcome.servedMicros.push(costMicros ?? boundMicros);
      spent += costMicros ?? boundMicros;
    }),
  );
  return outcome;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/** Lets every orphan's lease end, every alarm ring and every row reach D1. */
async function finish(subjects: Subject[]): Promise<void> {
  for (const { projectId, subjectId } of subjects) {
    const meter = () => meterOf(projectId, subjectId);
    await runInDurableObject(meter(), (_instance, state) => {
      state.storage.sql.exec("update hold set lease_until_ms = 0 where draft is not null");
    });
    await runInDurableObject(meter(), (_instance, state) => state.abort()).catch(() => undefined);
    await runInDurableObject(meter(), (_instance, state) => state.storage.setAlarm(Date.now() + 60_000));
    await runDurableObjectAlarm(meter());
  }
  await env.COLLECTOR.getByName(subjects[0]?.projectId ?? "").flush();
}

async function ledgerOf(projectId: string) {
  const { results } = await env.DB.prepare(
    "select count(*) calls, coalesce(sum(cost_micros), 0) micros, coalesce(sum(estimated), 0) estimated, coalesce(sum(case when estimated then cost_micros end), 0) orphaned from usage where project_id = ?",
  )
    .bind(projectId)
    .all<{ calls: number; micros: number; estimated: number; orphaned: number }>();
  return results[0];
}

async function expectNothingStranded(projectId: string, spentMicros: number): Promise<void> {
  const standing = await allowanceOf(projectId, "project").standing();
  for (const period of standing) expect(period).toMatchObject({ spentMicros, heldMicros: spentMicros });
}

describe.each([
  { who: "1,000 requests of one subject", count: 1 },
  { who: "1,000 requests of 100 subjects", count: 100 },
])("$who at once under a project's budget", ({ count }) => {
  it.each([
    { what: "cost what they may cost", costMicros: boundMicros, served: 500 },
    { what: "cost half of it", costMicros: boundMicros / 2, served: 999 },
  ])(
    "spend the budget and not more when they $what",
    async ({ costMicros, served }) => {
      const projectId = newProject();
      await setBudget(projectId, "project", "", { dailyBudgetMicros: budgetMicros, requestsPerMinute: 1_000_000 });
      const subjects = subjectsOf(projectId, count);
      for (const { subjectId } of subjects)
        await setBudget(projectId, "subject", subjectId, { requestsPerMinute: 100_000 });
      const outcome = await runAll(subjects, () => costMicros);

      expect(outcome.unavailable).toBe(0);
      expect(outcome.servedMicros).toHaveLength(served);
      expect(outcome.lasting).toBe(requests - served);
      expect(outcome.spentAtFirstRefusal).toBeGreaterThanOrEqual(budgetMicros * 0.98);
      await finish(subjects);
      expect(await ledgerOf(projectId)).toMatchObject({ calls: served, micros: served * costMicros, estimated: 0 });
      await expectNothingStranded(projectId, served * costMicros);
    },
    patienceMs,
  );
});

describe("with meters and parents killed at random", () => {
  it.each([
    { who: "one subject", count: 1 },
    { who: "100 subjects", count: 100 },
  ])(
    "1,000 requests of $who lose no money and spend none twice",
    async ({ count }) => {
      const projectId = newProject();
      await setBudget(projectId, "project", "", { dailyBudgetMicros: budgetMicros });
      const subjects = subjectsOf(projectId, count);
      for (const { subjectId } of subjects)
        await setBudget(projectId, "subject", subjectId, { requestsPerMinute: 100_000 });
      let isRunning = true;
      let kills = 0;
      const kill = async () => {
        for (; isRunning; kills += 1) {
          const subject = subjects[Math.floor(Math.random() * subjects.length)];
          const victim =
            kills % 2 === 0 ? allowanceOf(projectId, "project") : meterOf(projectId, subject?.subjectId ?? "");
          await runInDurableObject<DurableObject, void>(victim, (_instance, state) => state.abort()).catch(
            () => undefined,
          );
          await new Promise((resolve) => setTimeout(resolve, killEveryMs));
        }
      };
      const killing = kill();
      // One worker in twenty dies with its request.
      const outcome = await runAll(subjects, (index) => (index % 20 === 0 ? null : boundMicros / 2));
      isRunning = false;
      await killing;
      await finish(subjects);

      const ledger = await ledgerOf(projectId);
      expect(kills).toBeGreaterThan(5);
      expect(ledger?.micros).toBeLessThanOrEqual(budgetMicros);
      expect(outcome.servedMicros.length + outcome.lasting).toBe(requests);
      // A request whose admission was lost on its way back is an orphan too: at its bound, and marked.
      expect(ledger?.orphaned).toBe((ledger?.estimated ?? 0) * boundMicros);
      const settled = sum(outcome.servedMicros.filter((micros) => micros < boundMicros));
      expect((ledger?.micros ?? 0) - (ledger?.orphaned ?? 0)).toBe(settled);
      if (outcome.lasting > 0) expect(ledger?.micros).toBeGreaterThanOrEqual(budgetMicros * 0.98);
      await expectNothingStranded(projectId, ledger?.micros ?? 0);
    },
    patienceMs,
  );
});
