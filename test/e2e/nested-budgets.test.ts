import { setTimeout as wait } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { until } from "../support/until.ts";
import {
  chat,
  chatBody,
  errorOf,
  issueKey,
  newProject,
  readingScopes,
  send,
  admin,
  type IssuedKey,
  type Reply,
} from "./api.ts";
import { statsOf } from "./provider.ts";
import { auditOf, usageOfKey } from "./records.ts";

// Prices: the models with free input cost 10 micro-USD a generated token, so a request of 100 tokens is bounded by 1,000.

const model = "usage-0-100~free-input";
const costMicros = 1_000;
const budgetMicros = 25_000;
const atOnce = 100;
const served = budgetMicros / costMicros;

let reader: IssuedKey;
let project: string;

beforeAll(async () => {
  project = newProject();
  reader = await issueKey({ project, scopes: readingScopes });
});

async function setBudget(project: string, path: string, limits: object): Promise<void> {
  const writer = await issueKey({ project, scopes: ["budgets:write"] }, admin());
  const reply = await send(writer, "PUT", `/v1/budgets/${path}`, limits);
  expect(reply.status, reply.text).toBeLessThan(300);
}

/** Asks until there is an answer or a lasting refusal: what is only reserved may come free. */
async function insist(key: IssuedKey, parapet: object): Promise<Reply> {
  for (;;) {
    const reply = await chat(key, chatBody(`scripted/${model}`, { max_completion_tokens: 100, parapet }));
    if (reply.status !== 429 || errorOf(reply).code !== "budget_reserved") return reply;
    await wait(Number(reply.headers.get("retry-after-ms")));
  }
}

/** Micro-USD that a lasting refusal says were left. */
function leftMicros(refusal: Reply): number {
  return Number(/: (-?\d+) left/.exec(errorOf(refusal).message)?.[1]);
}

describe("100 requests of 50 subjects at once", () => {
  it("spend their project's budget and not more", async () => {
    const key = await issueKey({ project, scopes: ["chat", "act_as"] });
    await setBudget(project, `project/${project}`, { daily_budget_micros: budgetMicros });
    const before = await statsOf(model);
    const replies = await Promise.all(
      Array.from({ length: atOnce }, (_, index) => insist(key, { subject: `user-${index % 50}` })),
    );
    const refused = replies.filter(({ status }) => status !== 200);
    expect(atOnce - refused.length).toBe(served);
    for (const refusal of refused) {
      expect(refusal.status, refusal.text).toBe(429);
      expect(errorOf(refusal)).toMatchObject({ code: "budget_exceeded", type: "insufficient_quota" });
      expect(refusal.headers.get("x-parapet-limit")).toBe("project_daily_budget");
      expect(leftMicros(refusal)).toBeLessThanOrEqual(budgetMicros * 0.02);
    }
    const after = await statsOf(model);
    const usage = await usageOfKey(reader, key.id, served);
    expect(usage).toMatchObject({ calls: served, failed_calls: 0, estimated_calls: 0, cost_micros: budgetMicros });
    expect(usage.calls).toBe(after.requests - before.requests);
    expect(usage.output_tokens).toBe(after.outputTokens - before.outputTokens);
  });
});

describe("a feature's budget", () => {
  it("stops what names the feature, and nothing else", async () => {
    const own = newProject();
    const key = await issueKey({ project: own, scopes: ["chat"] });
    await setBudget(own, "feature/checkout", { monthly_budget_micros: 1_500 });
    const ask = (parapet: object) => chat(key, chatBody(`scripted/${model}`, { max_completion_tokens: 100, parapet }));
    expect((await ask({ feature: "checkout" })).status).toBe(200);
    const refused = await ask({ feature: "checkout" });
    expect(errorOf(refused).code).toBe("budget_exceeded");
    expect(refused.headers.get("x-parapet-limit")).toBe("feature_monthly_budget");
    expect((await ask({ feature: "search" })).status).toBe(200);
  });
});

describe("a key's limits", () => {
  it("hold over all the subjects it acts for, each of which is accounted for alone", async () => {
    const own = newProject();
    const key = await issueKey({ project: own, scopes: ["chat", "act_as"], limits: { requests_per_minute: 2 } });
    const records = await issueKey({ project: own, scopes: readingScopes });
    const ask = (subject: string) => chat(key, chatBody("scripted/ok", { parapet: { subject } }));
    const [jane, joe, jack] = [await ask("jane"), await ask("joe"), await ask("jack")];
    expect([jane.status, joe.status, jack.status]).toEqual([200, 200, 429]);
    expect(jack.headers.get("x-parapet-limit")).toBe("key_requests_per_minute");
    const [first, second] = [await auditOf(records, jane.traceId), await auditOf(records, joe.traceId)];
    expect(first.subjectId).not.toBe(second.subjectId);
  });
});

const status = z.object({ today: z.object({ spent_micros: z.int(), left_micros: z.int() }) });

describe.each([
  { kind: "project", pathOf: (key: IssuedKey) => `project/${key.project}` },
  { kind: "key", pathOf: (key: IssuedKey) => `key/${key.id}` },
  { kind: "feature", pathOf: () => "feature/checkout" },
])("a $kind's budget that is set after calls were made", ({ kind, pathOf }) => {
  it("counts them: what it says is left is what it lets be spent", async () => {
    const key = await issueKey({ project: newProject(), scopes: ["chat", "act_as", "usage:read"] });
    const path = pathOf(key);
    // A subject whose meter was not asked before hears of the budget at once.
    const spend = (subject: string) => insist(key, { subject, feature: "checkout" });
    const today = async () => status.parse((await send(key, "GET", `/v1/budgets/${path}`)).json).today;
    for (let call = 0; call < 3; call += 1) expect((await spend("early")).status).toBe(200);
    await setBudget(key.project, path, { daily_budget_micros: 5_500 });
    const isSpent = async () => (await today()).spent_micros === 3_000;
    await until(isSpent, { timeoutMs: 10_000, what: "the budget says what was spent before it" });

    expect([(await spend("one")).status, (await spend("other")).status]).toEqual([200, 200]);
    const refused = await spend("late");
    expect(refused.headers.get("x-parapet-limit")).toBe(`${kind}_daily_budget`);
    expect(errorOf(refused).message).toMatch(/: 500 left, .* A lower max_completion_tokens needs less\.$/);
    const isSettled = async () => (await today()).spent_micros === 5_000;
    await until(isSettled, { timeoutMs: 10_000, what: "the budget says all that was spent" });
    expect((await today()).left_micros).toBe(500);
  });
});
