import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { newId } from "../../src/core/ids.ts";
import { createSecretKeys } from "../../src/core/secret-keys.ts";
import { openDatabase } from "../../src/db/client.ts";
import { createUsageStore } from "../../src/db/usage-store.ts";
import { parseSettings } from "../../src/env.ts";
import { callWorker, makeKey, scriptedEnv } from "../support/call-worker.ts";
import { usageRecord } from "../support/records.ts";

const projectId = "prj_default";
const usage = createUsageStore(openDatabase(env.DB));
const hook = "https://hooks.example.com/parapet?secret=1";

let key: string;
beforeAll(async () => {
  key = await makeKey(["budgets:write", "usage:read", "audit:read"]);
});

const ask = (method: string, path: string, body?: object) =>
  callWorker(scriptedEnv(), path, { key, method, ...(body === undefined ? {} : { body }) });
const put = (target: string, body: object) => ask("PUT", `/v1/budgets/${target}`, body);

describe("a budget", () => {
  it("is set, read with what is spent and left, replaced and deleted", async () => {
    const feature = newId("budget");
    const first = await put(`feature/${feature}`, { daily_budget_micros: 1_000, requests_per_minute: 5 });
    expect(first.json).toMatchObject({
      object: "budget",
      kind: "feature",
      target: feature,
      requests_per_minute: 5,
      tokens_per_minute: null,
      daily_budget_micros: 1_000,
      webhook_url: null,
      webhook_secret: null,
    });
    await usage.insertUsage([usageRecord({ feature, costMicros: 400 }), usageRecord({ costMicros: 9_999 })]);
    const read = await ask("GET", `/v1/budgets/feature/${feature}`);
    expect(read.json).toMatchObject({
      today: { spent_micros: 400, left_micros: 600 },
      this_month: { spent_micros: 400, left_micros: null },
    });
    const second = await put(`feature/${feature}`, { monthly_budget_micros: 300 });
    expect(second.json).toMatchObject({ id: first.json.id, daily_budget_micros: null, requests_per_minute: null });
    expect((await ask("GET", `/v1/budgets/feature/${feature}`)).json.this_month).toMatchObject({ left_micros: 0 });
    expect((await ask("DELETE", `/v1/budgets/feature/${feature}`)).json).toMatchObject({ deleted: true });
    expect((await ask("GET", `/v1/budgets/feature/${feature}`)).status).toBe(404);
    expect((await ask("DELETE", `/v1/budgets/feature/${feature}`)).status).toBe(404);
  });

  it("of a subject is named by the subject's plain name, and keeps its id alone", async () => {
    const { subjectId } = await createSecretKeys(parseSettings(env).PARAPET_SECRET);
    const id = await subjectId(projectId, "ada@example.com/1");
    const { json } = await put(`subject/${encodeURIComponent("ada@example.com/1")}`, { daily_budget_micros: 10 });
    expect(json).toMatchObject({ kind: "subject", target: id });
    expect((await ask("GET", `/v1/budgets/subject/${encodeURIComponent("ada@example.com/1")}`)).json.id).toBe(json.id);
    const row = await env.DB.prepare("select target from budgets where id = ?").bind(json.id).first();
    expect(row).toEqual({ target: id });
  });

  it("of a key is its whole line's, whichever of the line is named", async () => {
    const admin = "admin_test_admin_test_admin_test_admin";
    const made = await callWorker(scriptedEnv(), "/v1/keys", { key: admin, body: { name: "a", scopes: ["chat"] } });
    const rotated = await callWorker(scriptedEnv(), `/v1/keys/${made.json.id}/rotate`, { key: admin, body: {} });
    const { json } = await put(`key/${rotated.json.id}`, { daily_budget_micros: 100 });
    expect(json).toMatchObject({ kind: "key", target: made.json.id });
    await usage.insertUsage([
      usageRecord({ keyId: made.json.id, costMicros: 30 }),
      usageRecord({ keyId: rotated.json.id, costMicros: 20 }),
    ]);
    const read = await ask("GET", `/v1/budgets/key/${made.json.id}`);
    expect(read.json.today).toMatchObject({ spent_micros: 50, left_micros: 50 });
  });

  it("with a webhook answers with the project's secret when it is written, and never when it is read", async () => {
    const body = { daily_budget_micros: 100, webhook_url: hook };
    const written = await put("feature/hooked", body);
    const { webhookSecret } = await createSecretKeys(parseSettings(env).PARAPET_SECRET);
    expect(written.json.webhook_secret).toBe(await webhookSecret(projectId));
    expect((await ask("GET", "/v1/budgets/feature/hooked")).text).not.toContain("whsec_");
  });

  it("leaves an audit row with its change, and no address that may be a secret", async () => {
    await put("feature/audited", { daily_budget_micros: 100, webhook_url: hook });
    await ask("DELETE", "/v1/budgets/feature/audited");
    const records = async (action: string) => (await ask("GET", `/v1/audit?action=${action}&limit=100`)).json.data;
    const target = "feature/audited";
    expect(await records("budget.put")).toContainEqual(
      expect.objectContaining({
        record: expect.objectContaining({
          target,
          detail: expect.objectContaining({ daily_budget_micros: 100, webhook_host: "hooks.example.com" }),
        }),
      }),
    );
    expect(JSON.stringify(await records("budget.put"))).not.toContain("secret=1");
    expect(await records("budget.delete")).toContainEqual(
      expect.objectContaining({ record: expect.objectContaining({ target }) }),
    );
  });

  it.each([
    ["a limit below 0", "feature/x", { daily_budget_micros: -1 }, "daily_budget_micros"],
    ["a limit that is no whole number", "feature/x", { tokens_per_minute: 1.5 }, "tokens_per_minute"],
    ["a field that there is not", "feature/x", { weekly_budget_micros: 1 }, "weekly_budget_micros"],
    ["no limit at all", "feature/x", {}, null],
    ["a webhook without a budget", "feature/x", { requests_per_minute: 1, webhook_url: hook }, "webhook_url"],
    ["no address", "feature/x", { daily_budget_micros: 1, webhook_url: "nonsense" }, "webhook_url"],
    ["plain http", "feature/x", { daily_budget_micros: 1, webhook_url: "http://example.com/" }, "webhook_url"],
    ["a private address", "feature/x", { daily_budget_micros: 1, webhook_url: "https://10.0.0.1/" }, "webhook_url"],
    ["a kind that there is not", "team/x", { daily_budget_micros: 1 }, "kind"],
    ["a feature that none can be called", `feature/${"x".repeat(65)}`, { daily_budget_micros: 1 }, "target"],
  ])("with %s is refused by the field's name", async (_what, target, body, param) => {
    const { status, json } = await put(target, body);
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ code: "invalid_request", param });
  });

  it.each(["project/prj_other", "key/key_0000000000000000"])("of %s, which is not there, is a 404", async (target) => {
    expect((await put(target, { daily_budget_micros: 1 })).json.error).toMatchObject({ code: "not_found" });
  });

  it("is listed page by page, newest first, each once", async () => {
    for (const name of ["list-1", "list-2", "list-3"]) await put(`feature/${name}`, { requests_per_minute: 1 });
    const seen: string[] = [];
    let after = "";
    do {
      const { json } = await ask("GET", `/v1/budgets?limit=2${after}`);
      seen.push(...json.data.map(({ id }: { id: string }) => id));
      after = json.next === null ? "" : `&after=${json.next}`;
    } while (after !== "");
    const { results } = await env.DB.prepare("select id from budgets where project_id = ?").bind(projectId).all();
    expect(seen.toSorted()).toEqual(results.map(({ id }) => id).toSorted());
  });

  it("is for who may write budgets alone", async () => {
    const reader = await makeKey(["usage:read"]);
    const call = (method: string, body?: object) =>
      callWorker(scriptedEnv(), "/v1/budgets/feature/x", {
        key: reader,
        method,
        ...(body === undefined ? {} : { body }),
      });
    expect((await call("PUT", { daily_budget_micros: 1 })).status).toBe(403);
    expect((await call("DELETE")).status).toBe(403);
  });
});
