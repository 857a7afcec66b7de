import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Admission } from "../../src/core/meter.ts";
import { openDatabase } from "../../src/db/client.ts";
import { createKeyStore } from "../../src/db/key-store.ts";
import { auditRecord } from "../support/records.ts";
import { allowanceOf, ask, meterOf, newProject, setBudget, settle, type Subject } from "../support/nested-budgets.ts";

const keys = createKeyStore(openDatabase(env.DB));

function refusalOf(admission: Admission) {
  return admission.admitted ? null : { code: admission.refusal.code, limit: admission.refusal.limit };
}

function subjects(projectId: string, count: number): Subject[] {
  return Array.from({ length: count }, (_, index) => ({ projectId, subjectId: `sub_${index}` }));
}

async function insertKey(projectId: string, id: string, dailyBudgetMicros: number | null): Promise<void> {
  const row = {
    id,
    rootId: id,
    projectId,
    name: "test",
    scopes: ["chat" as const],
    requestsPerMinute: null,
    tokensPerMinute: null,
    dailyBudgetMicros,
    monthlyBudgetMicros: null,
    onDisconnect: "abort" as const,
    createdAtMs: Date.now(),
    expiresAtMs: null,
    revokedAtMs: null,
    rotatedFrom: null,
  };
  await keys.insertKey(row, auditRecord({ projectId }));
}

describe("a project's budget", () => {
  it("holds over its subjects", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { dailyBudgetMicros: 250 });
    const [one, other] = subjects(projectId, 2) as [Subject, Subject];
    const first = await ask(one, 100);
    const second = await ask(other, 100);
    expect([first.admission.admitted, second.admission.admitted]).toEqual([true, true]);
    await settle(one, first, 100);
    await settle(other, second, 100);
    expect(refusalOf((await ask(one, 100)).admission)).toEqual({
      code: "budget_exceeded",
      limit: "project_daily_budget",
    });
    expect((await ask(other, 50)).admission.admitted).toBe(true);
  });

  it("lets a request wait for what is only reserved elsewhere, and says so when it does not come free", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { monthlyBudgetMicros: 100 });
    const [one, other] = subjects(projectId, 2) as [Subject, Subject];
    const first = await ask(one, 100);
    expect(refusalOf((await ask(other, 60)).admission)).toEqual({
      code: "budget_reserved",
      limit: "project_monthly_budget",
    });
    const waiting = ask(other, 60);
    await settle(one, first, 40);
    expect((await waiting).admission.admitted).toBe(true);
  });

  it("calls back what another subject holds and does not use", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { dailyBudgetMicros: 1_000 });
    const [one, other] = subjects(projectId, 2) as [Subject, Subject];
    const first = await ask(one, 900);
    await settle(one, first, 10);
    expect((await ask(other, 990)).admission.admitted).toBe(true);
  });

  it("records what was billed above the bound, and stops the next call of everybody", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { dailyBudgetMicros: 1_000 });
    const [one, other] = subjects(projectId, 2) as [Subject, Subject];
    const first = await ask(one, 100);
    await settle(one, first, 1_500);
    expect(refusalOf((await ask(one, 1)).admission)).toEqual({
      code: "budget_exceeded",
      limit: "project_daily_budget",
    });
    expect(refusalOf((await ask(other, 1)).admission)).toEqual({
      code: "budget_exceeded",
      limit: "project_daily_budget",
    });
    expect((await allowanceOf(projectId, "project").standing()).map(({ spentMicros }) => spentMicros)).toEqual([
      1_500, 1_500,
    ]);
  });

  it("asks nothing of a request that costs nothing", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { dailyBudgetMicros: 0 });
    const [one] = subjects(projectId, 1) as [Subject];
    expect((await ask(one, 0)).admission.admitted).toBe(true);
    expect(refusalOf((await ask(one, 1)).admission)).toEqual({
      code: "budget_exceeded",
      limit: "project_daily_budget",
    });
  });

  it("covers a bound that is raised", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { dailyBudgetMicros: 100 });
    const [one] = subjects(projectId, 1) as [Subject];
    const { holdId } = await ask(one, 60);
    const meter = meterOf(projectId, one.subjectId);
    expect(refusalOf(await meter.adjust(holdId, { costMicros: 101, tokens: 15 }))).toMatchObject({
      limit: "project_daily_budget",
    });
    expect((await meter.adjust(holdId, { costMicros: 100, tokens: 15 })).admitted).toBe(true);
    expect((await meter.adjust(holdId, { costMicros: 20, tokens: 15 })).admitted).toBe(true);
    expect((await ask(one, 80)).admission.admitted).toBe(true);
  });

  it("is closed when it cannot be reached", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { dailyBudgetMicros: 100 });
    await runInDurableObject(allowanceOf(projectId, "project"), (instance) => {
      instance.drawMoney = () => Promise.reject(new Error("Network connection lost."));
    });
    const [one] = subjects(projectId, 1) as [Subject];
    expect(refusalOf((await ask(one, 10)).admission)).toEqual({ code: "meter_unavailable", limit: null });
  });

  it("counts a child that cannot be reached as having spent what it holds, until it speaks again", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { dailyBudgetMicros: 100 });
    const [one, other] = subjects(projectId, 2) as [Subject, Subject];
    const first = await ask(one, 80);
    await settle(one, first, 10);
    const meter = meterOf(projectId, one.subjectId);
    const restore = await runInDurableObject(meter, (instance) => {
      instance.releaseMoney = () => Promise.reject(new Error("Network connection lost."));
    });
    expect(restore).toBeUndefined();
    expect(refusalOf((await ask(other, 50)).admission)).toEqual({
      code: "budget_exceeded",
      limit: "project_daily_budget",
    });
    await runInDurableObject(meter, (_instance, state) => state.abort()).catch(() => undefined);
    await expect.poll(async () => (await ask(other, 50)).admission.admitted, { timeout: 5_000 }).toBe(true);
  });
});

describe("a feature's budget", () => {
  it("holds for the requests that name the feature, and no others", async () => {
    const projectId = newProject();
    await setBudget(projectId, "feature", "checkout", { dailyBudgetMicros: 100 });
    const [one] = subjects(projectId, 1) as [Subject];
    const first = await ask(one, 100, { feature: "checkout" });
    await settle(one, first, 100);
    expect(refusalOf((await ask(one, 1, { feature: "checkout" })).admission)).toEqual({
      code: "budget_exceeded",
      limit: "feature_daily_budget",
    });
    expect((await ask(one, 1, { feature: "search" })).admission.admitted).toBe(true);
    expect((await ask(one, 1)).admission.admitted).toBe(true);
  });

  it("and the project's hold together", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { dailyBudgetMicros: 150 });
    await setBudget(projectId, "feature", "checkout", { monthlyBudgetMicros: 100 });
    const [one, other] = subjects(projectId, 2) as [Subject, Subject];
    await settle(one, await ask(one, 100, { feature: "checkout" }), 100);
    expect(refusalOf((await ask(other, 10, { feature: "checkout" })).admission)).toMatchObject({
      limit: "feature_monthly_budget",
    });
    expect(refusalOf((await ask(other, 60)).admission)).toMatchObject({ limit: "project_daily_budget" });
    expect((await ask(other, 50)).admission.admitted).toBe(true);
  });
});

describe("a key's limits", () => {
  it("stand above the subjects it acts for", async () => {
    const projectId = newProject();
    await insertKey(projectId, `key_${projectId}`, 100);
    const key = { keyId: `key_${projectId}`, rootKeyId: `key_${projectId}`, actsForAnother: true };
    const [one, other] = subjects(projectId, 2) as [Subject, Subject];
    await settle(one, await ask(one, 70, key), 70);
    expect(refusalOf((await ask(other, 40, key)).admission)).toEqual({
      code: "budget_exceeded",
      limit: "key_daily_budget",
    });
    expect((await ask(other, 30, key)).admission.admitted).toBe(true);
  });

  it("are its own while it is its own subject", async () => {
    const projectId = newProject();
    await insertKey(projectId, `key_${projectId}`, 100);
    const key = { keyId: `key_${projectId}`, rootKeyId: `key_${projectId}` };
    const [own] = subjects(projectId, 1) as [Subject];
    expect(refusalOf((await ask(own, 101, key)).admission)).toEqual({ code: "budget_exceeded", limit: "daily_budget" });
    expect((await ask(own, 100, key)).admission.admitted).toBe(true);
  });

  it("are met by a budget of the key over all its subjects", async () => {
    const projectId = newProject();
    await insertKey(projectId, `key_${projectId}`, null);
    await setBudget(projectId, "key", `key_${projectId}`, { dailyBudgetMicros: 100 });
    const key = { keyId: `key_${projectId}`, rootKeyId: `key_${projectId}` };
    const [own, other] = subjects(projectId, 2) as [Subject, Subject];
    await settle(own, await ask(own, 60, key), 60);
    expect(refusalOf((await ask(other, 60, { ...key, actsForAnother: true })).admission)).toMatchObject({
      limit: "key_daily_budget",
    });
  });
});

describe("a subject's budget", () => {
  it("stands in the place of the deployment's default", async () => {
    const projectId = newProject();
    await setBudget(projectId, "subject", "sub_0", { dailyBudgetMicros: 50 });
    const [one, other] = subjects(projectId, 2) as [Subject, Subject];
    expect(refusalOf((await ask(one, 51)).admission)).toEqual({ code: "budget_exceeded", limit: "daily_budget" });
    expect((await ask(other, 51)).admission.admitted).toBe(true);
  });
});

describe("a project's rate", () => {
  it("of requests holds over its subjects, to the last of them", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { requestsPerMinute: 20 });
    const asked = await Promise.all(subjects(projectId, 40).map((subject) => ask(subject, 0)));
    expect(asked.filter(({ admission }) => admission.admitted)).toHaveLength(20);
    const refused = asked.flatMap(({ admission }) => (admission.admitted ? [] : [admission.refusal]));
    for (const refusal of refused) {
      expect(refusal).toMatchObject({ code: "rate_limited", limit: "project_requests_per_minute" });
      expect(refusal.retryAfterMs).toBeGreaterThan(50_000);
    }
  });

  it("of tokens counts what was used, not what was reserved", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { tokensPerMinute: 100 });
    const [one, other] = subjects(projectId, 2) as [Subject, Subject];
    const first = await ask(one, 0, { bound: { costMicros: 0, tokens: 90 } });
    expect(first.admission.admitted).toBe(true);
    await settle(one, first, 0);
    expect((await ask(other, 0, { bound: { costMicros: 0, tokens: 80 } })).admission.admitted).toBe(true);
    expect(refusalOf((await ask(other, 0, { bound: { costMicros: 0, tokens: 10 } })).admission)).toEqual({
      code: "rate_limited",
      limit: "project_tokens_per_minute",
    });
  });

  it("does not ask a request to wait that will never fit", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { tokensPerMinute: 100 });
    const [one] = subjects(projectId, 1) as [Subject];
    const { admission } = await ask(one, 0, { bound: { costMicros: 0, tokens: 101 } });
    expect(admission).toMatchObject({ admitted: false, refusal: { code: "rate_limited", retryAfterMs: null } });
  });

  it("is forgotten by no restart of the parent", async () => {
    const projectId = newProject();
    await setBudget(projectId, "project", "", { requestsPerMinute: 2 });
    const [one, other] = subjects(projectId, 2) as [Subject, Subject];
    await ask(one, 0);
    await runInDurableObject(allowanceOf(projectId, "project"), (_instance, state) => state.abort()).catch(
      () => undefined,
    );
    const answers = [(await ask(other, 0)).admission, (await ask(other, 0)).admission];
    expect(answers.map(({ admitted }) => admitted)).toEqual([true, false]);
  });
});
