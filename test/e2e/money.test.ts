import { setTimeout as wait } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import {
  chat,
  chatBody,
  errorOf,
  issueKey,
  newProject,
  readingScopes,
  send,
  type IssuedKey,
  type Reply,
} from "./api.ts";
import { statsOf } from "./provider.ts";
import { auditOf, usageOfKey } from "./records.ts";

// Prices: the models with free input cost 10 micro-USD a generated token, so a request of 100 tokens is bounded by 1,000.

const project = newProject();
const atOnce = 200;
const budgetMicros = 50_000;
const microsPerToken = 10;
let reader: IssuedKey;

beforeAll(async () => {
  reader = await issueKey({ project, scopes: readingScopes });
});

/** Asks until there is an answer or a lasting refusal: what is only reserved may come free. */
async function insist(key: IssuedKey, model: string): Promise<Reply> {
  for (;;) {
    const reply = await chat(key, chatBody(model, { max_completion_tokens: 100 }));
    if (reply.status !== 429 || errorOf(reply).code !== "budget_reserved") return reply;
    await wait(Number(reply.headers.get("retry-after-ms")));
  }
}

/** Micro-USD that a lasting refusal says were left. */
function leftMicros(refusal: Reply): number {
  return Number(/: (\d+) left/.exec(errorOf(refusal).message)?.[1]);
}

describe("200 requests of one subject at once", () => {
  it.each([
    { what: "cost what they may cost at most", model: "usage-0-100~free-input", costMicros: 1_000, served: 50 },
    { what: "cost half of what they may cost", model: "usage-0-50~free-input", costMicros: 500, served: 99 },
  ])("spend their budget and not more when they $what", async ({ model, costMicros, served }) => {
    const key = await issueKey({ project, scopes: ["chat"], limits: { daily_budget_micros: budgetMicros } });
    const before = await statsOf(model);
    const replies = await Promise.all(Array.from({ length: atOnce }, () => insist(key, `scripted/${model}`)));
    const answered = replies.filter(({ status }) => status === 200);
    const refused = replies.filter(({ status }) => status !== 200);

    expect(answered).toHaveLength(served);
    expect(refused).toHaveLength(atOnce - served);
    for (const refusal of refused) {
      expect(refusal.status).toBe(429);
      expect(errorOf(refusal)).toMatchObject({ code: "budget_exceeded", type: "insufficient_quota" });
      expect(refusal.headers.get("x-parapet-limit")).toBe("daily_budget");
      expect(refusal.headers.get("x-should-retry")).toBe("false");
      // So was the first of them: at least 98 % of the budget was spent.
      expect(leftMicros(refusal)).toBeLessThanOrEqual(budgetMicros * 0.02);
    }

    const after = await statsOf(model);
    const usage = await usageOfKey(reader, key.id, served);
    expect(usage).toMatchObject({ calls: served, failed_calls: 0, estimated_calls: 0 });
    expect(usage.calls).toBe(after.requests - before.requests);
    expect(usage.output_tokens).toBe(after.outputTokens - before.outputTokens);
    expect(usage.cost_micros).toBe((after.outputTokens - before.outputTokens) * microsPerToken);
    expect(usage.cost_micros).toBe(served * costMicros);
  });
});

describe("a budget", () => {
  it("that a provider overdraws is closed, even for what costs nothing", async () => {
    // 50 tokens were reserved, 100 are billed.
    const key = await issueKey({ project, scopes: ["chat"], limits: { daily_budget_micros: 600 } });
    const overdrawing = chatBody("scripted/usage-0-100~free-input", { max_completion_tokens: 50 });
    expect((await chat(key, overdrawing)).status).toBe(200);
    expect(await usageOfKey(reader, key.id, 1)).toMatchObject({ cost_micros: 1_000 });
    const reply = await send(key, "GET", "/v1/models");
    expect(reply.status).toBe(429);
    expect(errorOf(reply).code).toBe("budget_exceeded");
  });

  it("of a month is kept like one of a day", async () => {
    const key = await issueKey({ project, scopes: ["chat"], limits: { monthly_budget_micros: 1_500 } });
    const body = chatBody("scripted/usage-0-100~free-input", { max_completion_tokens: 100 });
    expect((await chat(key, body)).status).toBe(200);
    const reply = await chat(key, body);
    expect(errorOf(reply).code).toBe("budget_exceeded");
    expect(reply.headers.get("x-parapet-limit")).toBe("monthly_budget");
  });

  it("of one request refuses a model that may cost more, before anybody is asked", async () => {
    const key = await issueKey({ project, scopes: ["chat"] });
    const before = await statsOf("usage-0-50~free-input");
    const ask = (maxTokens: number) =>
      chat(
        key,
        chatBody("scripted/usage-0-50~free-input", {
          max_completion_tokens: maxTokens,
          parapet: { budget: { max_cost_micros: 999 } },
        }),
      );
    const reply = await ask(100);
    expect(reply.status).toBe(400);
    expect(errorOf(reply)).toMatchObject({ code: "budget_too_small", param: "parapet.budget.max_cost_micros" });
    expect((await statsOf("usage-0-50~free-input")).requests).toBe(before.requests);
    expect((await ask(99)).status).toBe(200);
  });
});

describe("a rate limit", () => {
  it("of requests says which it is and when to come back", async () => {
    const key = await issueKey({ project, scopes: ["chat"], limits: { requests_per_minute: 3 } });
    const ask = () => chat(key, chatBody("scripted/ok"));
    expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([200, 200, 200]);
    const reply = await ask();
    expect(reply.status).toBe(429);
    expect(errorOf(reply)).toMatchObject({ code: "rate_limited", type: "rate_limit_error" });
    expect(reply.headers.get("x-parapet-limit")).toBe("requests_per_minute");
    const seconds = Number(reply.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(30);
    expect(seconds).toBeLessThanOrEqual(60);
  });

  it("of tokens counts what was used, not what was reserved", async () => {
    const key = await issueKey({ project, scopes: ["chat"], limits: { tokens_per_minute: 1_000 } });
    const ask = (maxTokens: number) =>
      chat(key, chatBody("scripted/usage-0-50~free-input", { max_completion_tokens: maxTokens }));
    // 850 and a prompt are reserved, 50 remain counted: a second request of that size still fits, a larger one does not.
    for (const expected of [200, 200]) {
      const reply = await ask(850);
      expect(reply.status, reply.text).toBe(expected);
      await auditOf(reader, reply.traceId);
    }
    const reply = await ask(950);
    expect(reply.status).toBe(429);
    expect(errorOf(reply).code).toBe("rate_limited");
    expect(reply.headers.get("x-parapet-limit")).toBe("tokens_per_minute");
  });

  it("of tokens does not ask a request to wait that will never fit", async () => {
    const key = await issueKey({ project, scopes: ["chat"], limits: { tokens_per_minute: 100 } });
    const reply = await chat(key, chatBody("scripted/ok", { max_completion_tokens: 500 }));
    expect(reply.status).toBe(429);
    expect(errorOf(reply).message).toContain("max_completion_tokens");
    expect(reply.headers.get("retry-after")).toBeNull();
  });
});
