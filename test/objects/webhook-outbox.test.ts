import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { createSecretKeys } from "../../src/core/secret-keys.ts";
import { parseSettings } from "../../src/env.ts";
import type { BudgetRow } from "../../src/db/budget-store.ts";
import { reachedThresholds, type BudgetEvent } from "../../src/objects/budget-thresholds.ts";
import { createWebhookSender, type OutgoingWebhook } from "../../src/objects/send-webhook.ts";
import { WebhookOutbox } from "../../src/objects/webhook-outbox.ts";

const nowMs = Date.parse("2026-11-21T12:00:00Z");
const minute = 60_000;

const event = (more: Partial<BudgetEvent> = {}): BudgetEvent => ({
  budgetId: "bud_1",
  projectId: "prj_default",
  kind: "feature",
  target: "search",
  url: "https://hooks.example.com/parapet",
  limit: "daily_budget",
  period: "2026-11-21",
  thresholdPercent: 50,
  limitMicros: 1_000,
  spentMicros: 510,
  ...more,
});

let objects = 0;

/** An outbox in the storage of an object of its own, and what a receiver that answers `statuses` in turn got. */
async function withOutbox(
  statuses: (number | Error)[],
  test: (tools: { outbox: WebhookOutbox; sent: OutgoingWebhook[]; restart: () => WebhookOutbox }) => Promise<void>,
): Promise<void> {
  objects += 1;
  const stub = env.PROVIDER_HEALTH.getByName(`webhook-outbox-${objects}`);
  await runInDurableObject(stub, async (_object, state) => {
    state.storage.sql.exec(WebhookOutbox.schema);
    const sent: OutgoingWebhook[] = [];
    const restart = () =>
      new WebhookOutbox(state.storage, {
        send: async (webhook) => {
          const status = statuses[sent.length] ?? 200;
          sent.push(webhook);
          if (status instanceof Error) throw status;
          return status;
        },
        random: () => 0,
      });
    await test({ outbox: restart(), sent, restart });
  });
}

describe("thresholds", () => {
  const row: BudgetRow = {
    id: "bud_1",
    projectId: "prj_default",
    kind: "project",
    target: "",
    requestsPerMinute: null,
    tokensPerMinute: null,
    dailyBudgetMicros: 100,
    monthlyBudgetMicros: 1_000,
    webhookUrl: "https://hooks.example.com",
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  const spent = (spending: Record<string, number>) => (period: string) => spending[period] ?? 0;

  it.each([
    ["below half", 499, 1_000, []],
    ["half", 500, 1_000, [50]],
    ["all", 1_000, 1_000, [50, 80, 100]],
    ["beyond it", 5_000, 1_000, [50, 80, 100]],
    ["half of a limit that 50 % does not divide", 2, 3, [50]],
    ["nothing of nothing", 0, 0, []],
  ])("are reached as spending says: %s", (_what, spentMicros, dailyBudgetMicros, reached) => {
    const daily = { ...row, dailyBudgetMicros, monthlyBudgetMicros: null };
    const events = reachedThresholds(daily, spent({ "2026-11-21": spentMicros }), nowMs);
    expect(events.map(({ thresholdPercent }) => thresholdPercent)).toEqual(reached);
  });

  it("are those of the day and of the month", () => {
    const events = reachedThresholds(row, spent({ "2026-11-21": 85, "2026-11": 500 }), nowMs);
    expect(events.map(({ limit, period, thresholdPercent }) => [limit, period, thresholdPercent])).toEqual([
      ["daily_budget", "2026-11-21", 50],
      ["daily_budget", "2026-11-21", 80],
      ["monthly_budget", "2026-11", 50],
    ]);
    expect(events[0]).toMatchObject({ target: "prj_default", limitMicros: 100, spentMicros: 85 });
  });

  it("of yesterday are still reached by what settles just after midnight, unless the budget is of today", () => {
    const midnight = Date.parse("2026-11-22") + minute;
    const spending = spent({ "2026-11-21": 60 });
    expect(reachedThresholds(row, spending, midnight)).toMatchObject([{ period: "2026-11-21" }]);
    expect(reachedThresholds({ ...row, createdAtMs: midnight - 1 }, spending, midnight)).toEqual([]);
    expect(reachedThresholds(row, spending, midnight + 60 * minute)).toEqual([]);
  });

  it("are of no concern where nobody listens", () => {
    expect(reachedThresholds({ ...row, webhookUrl: null }, () => 1_000, nowMs)).toEqual([]);
  });
});

describe("an event", () => {
  it("is delivered once, and taken once, also after a restart", async () => {
    await withOutbox([200], async ({ outbox, sent, restart }) => {
      expect(outbox.enqueue(event(), nowMs)).toBe(true);
      expect(outbox.enqueue(event({ spentMicros: 700 }), nowMs)).toBe(false);
      expect(outbox.nextAttemptMs()).toBe(nowMs);
      await outbox.deliver(nowMs);
      await outbox.deliver(nowMs + minute);
      expect(outbox.nextAttemptMs()).toBeNull();
      const again = restart();
      expect(again.enqueue(event(), nowMs)).toBe(false);
      expect(again.nextAttemptMs()).toBeNull();
      expect(sent).toHaveLength(1);
      expect(JSON.parse(sent[0]?.body ?? "")).toMatchInlineSnapshot(`
        {
          "data": {
            "budget_id": "bud_1",
            "kind": "feature",
            "limit": "daily_budget",
            "limit_micros": 1000,
            "period": "2026-11-21",
            "project_id": "prj_default",
            "spent_micros": 510,
            "target": "search",
            "threshold_percent": 50,
          },
          "timestamp": "2026-11-21T12:00:00.000Z",
          "type": "budget.threshold_reached",
        }
      `);
    });
  });

  it.each([
    ["another threshold", { thresholdPercent: 80 as const }],
    ["another period", { period: "2026-11-22" }],
    ["another limit", { limit: "monthly_budget" as const }],
    ["another budget", { budgetId: "bud_2" }],
  ])("of %s is another event", async (_what, more) => {
    await withOutbox([], async ({ outbox, sent }) => {
      outbox.enqueue(event(), nowMs);
      expect(outbox.enqueue(event(more), nowMs)).toBe(true);
      await outbox.deliver(nowMs);
      expect(new Set(sent.map(({ id }) => id)).size).toBe(2);
    });
  });

  it.each([
    ["an error", 500],
    ["a refusal", 401],
    ["a redirect", 302],
    ["no answer", new Error("connection refused")],
  ])("is sent again under the same id after %s, later each time", async (_what, failure) => {
    await withOutbox([failure, failure, 204], async ({ outbox, sent, restart }) => {
      outbox.enqueue(event(), nowMs);
      await outbox.deliver(nowMs);
      expect(outbox.nextAttemptMs()).toBe(nowMs + 5_000);
      await outbox.deliver(nowMs + 4_999);
      expect(sent).toHaveLength(1);
      const restarted = restart();
      await restarted.deliver(nowMs + 5_000);
      expect(restarted.nextAttemptMs()).toBe(nowMs + 35_000);
      await restarted.deliver(nowMs + 35_000);
      expect(restarted.nextAttemptMs()).toBeNull();
      expect(sent).toHaveLength(3);
      expect(new Set(sent.map(({ id, body }) => id + body)).size).toBe(1);
    });
  });

  it("is given up after nine attempts", async () => {
    await withOutbox(
      Array.from({ length: 20 }, () => 500),
      async ({ outbox, sent }) => {
        outbox.enqueue(event(), nowMs);
        for (let atMs = outbox.nextAttemptMs(); atMs !== null; atMs = outbox.nextAttemptMs())
          await outbox.deliver(atMs);
        expect(sent).toHaveLength(9);
      },
    );
  });

  it("is given up at once where the receiver is gone for good", async () => {
    await withOutbox([410], async ({ outbox }) => {
      outbox.enqueue(event(), nowMs);
      await outbox.deliver(nowMs);
      expect(outbox.nextAttemptMs()).toBeNull();
    });
  });

  it("is not attempted twice at the same time, and not lost when the object dies meanwhile", async () => {
    await withOutbox([], async ({ outbox, sent, restart }) => {
      outbox.enqueue(event(), nowMs);
      const attempt = outbox.deliver(nowMs);
      const second = outbox.deliver(nowMs);
      expect(sent).toHaveLength(1);
      expect(restart().nextAttemptMs()).toBe(nowMs + minute);
      await Promise.all([attempt, second]);
      expect(sent).toHaveLength(1);
    });
  });

  it("is forgotten once no period can bring it back", async () => {
    await withOutbox([], async ({ outbox }) => {
      outbox.enqueue(event(), nowMs);
      await outbox.deliver(nowMs);
      const laterMs = nowMs + 41 * 86_400_000;
      outbox.enqueue(event({ period: "2027-01-01" }), laterMs);
      await outbox.deliver(laterMs);
      expect(outbox.enqueue(event(), laterMs)).toBe(true);
    });
  });
});

describe("a delivery", () => {
  const settings = (more: object = {}) => parseSettings({ ...env, ...more });
  const webhook = { id: "evt_1", url: "https://hooks.example.com/x", body: `{"a":1}` };

  it("is signed so that Standard Webhooks' own verification accepts it with the project's secret, and no other's", async () => {
    let received: Request | null = null;
    const send = createWebhookSender(settings(), "prj_default", async (input, init) => {
      received = new Request(input, init);
      return new Response(null, { status: 204 });
    });
    expect(await send(webhook, Date.now())).toBe(204);
    const request = received as Request | null;
    const body = (await request?.text()) ?? "";
    const headers = Object.fromEntries(request?.headers ?? []);
    const keys = await createSecretKeys(settings().PARAPET_SECRET);
    const secret = await keys.webhookSecret("prj_default");
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(new Webhook(secret).verify(body, headers)).toEqual({ a: 1 });
    expect(headers["webhook-id"]).toBe("evt_1");
    const other = new Webhook(await keys.webhookSecret("prj_other"));
    expect(() => other.verify(body, headers)).toThrow("No matching signature");
  });

  it.each([
    ["a private address in production", { PARAPET_ENVIRONMENT: "production" }, "https://10.0.0.1/"],
    ["plain http on this machine in production", { PARAPET_ENVIRONMENT: "production" }, "http://127.0.0.1:9/"],
    ["a host that is not on the list", { PARAPET_WEBHOOK_HOSTS: "a.example, *.b.example" }, "https://c.example/"],
    ["the deployment's own host", { PARAPET_OWN_HOSTS: "ai.example.com" }, "https://ai.example.com/v1/keys"],
  ])("to %s is refused without a call", async (_what, more, url) => {
    const send = createWebhookSender(settings(more), "prj_default", async () => {
      throw new Error("was called");
    });
    await expect(async () => send({ ...webhook, url }, nowMs)).rejects.toMatchObject({ code: "destination_refused" });
  });

  it("does not follow a redirect", async () => {
    let calls = 0;
    const send = createWebhookSender(settings(), "prj_default", async () => {
      calls += 1;
      return new Response(null, { status: 302, headers: { location: "https://elsewhere.example/" } });
    });
    expect(await send(webhook, nowMs)).toBe(302);
    expect(calls).toBe(1);
  });
});
