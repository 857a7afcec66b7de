import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { newId } from "../../src/core/ids.ts";
import { openDatabase } from "../../src/db/client.ts";
import { createUsageStore } from "../../src/db/usage-store.ts";
import worker from "../../src/local.ts";
import { callWorker, makeKey, scriptedEnv } from "../support/call-worker.ts";
import { usageRecord } from "../support/records.ts";

const store = createUsageStore(openDatabase(env.DB));
const dayMs = Date.parse("2026-10-05");
const feature = newId("budget");

let key: string;
beforeAll(async () => {
  key = await makeKey(["usage:read", "budgets:write"]);
  await store.insertUsage([
    usageRecord({ atMs: dayMs, feature, task: "=cmd", model: "a", costMicros: 30 }),
    usageRecord({ atMs: dayMs + 3_600_000, feature, task: "b", model: "b", costMicros: 20, outcome: "upstream_error" }),
    usageRecord({ atMs: dayMs + 5_400_000, feature, task: "b", model: "b", costMicros: 5 }),
  ]);
});

const get = (query: string) => callWorker(scriptedEnv(), `/v1/usage?feature=${feature}&${query}`, { key });

/** A file as it comes, whatever its type. */
async function exportFile(query: string): Promise<Response> {
  const context = createExecutionContext();
  const request = new Request(`https://parapet.test/v1/usage/export?feature=${feature}&${query}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  // A Request made here lacks what Cloudflare's edge adds, which the worker does not read.
  const response = await worker.fetch(request as Parameters<typeof worker.fetch>[0], scriptedEnv(), context);
  const file = new Response(await response.text(), response);
  await waitOnExecutionContext(context);
  return file;
}

describe("the report", () => {
  it("has groups, totals and pages", async () => {
    const first = await get("from=2026-10-05&to=2026-10-05&group_by=model,task&limit=1");
    expect(first.json).toMatchObject({
      object: "usage",
      from: "2026-10-05",
      to: "2026-10-05",
      totals: { calls: 3, failed_calls: 1, cost_micros: 55 },
      data: [{ group: { model: "scripted/a", task: "=cmd" }, calls: 1, cost_micros: 30 }],
      has_more: true,
    });
    const second = await get(`from=2026-10-05&to=2026-10-05&group_by=model,task&limit=1&after=${first.json.next}`);
    expect(second.json).toMatchObject({
      totals: { calls: 3 },
      data: [{ group: { model: "scripted/b", task: "b" }, calls: 2, cost_micros: 25 }],
      has_more: false,
      next: null,
    });
  });

  it("cuts at times too", async () => {
    const { json } = await get("from=2026-10-05T00:00:00.001Z&to=2026-10-05T01:30:00Z");
    expect(json.totals).toMatchObject({ calls: 1, cost_micros: 20 });
  });

  it.each([
    ["colour=red", "colour"],
    ["group_by=colour", "group_by"],
    ["from=yesterday", "from"],
    ["from=2026-10-06&to=2026-10-05", "from"],
    ["subject=a&user=b", "user"],
    ["after=nonsense", "after"],
    ["limit=0", "limit"],
  ])("refuses %s by name", async (query, param) => {
    const { status, json } = await get(query);
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ code: "invalid_request", param });
  });

  it("is rebuilt from the rows on demand", async () => {
    await env.DB.prepare("delete from usage_rollup where feature = ?").bind(feature).run();
    expect((await get("from=2026-10-05&to=2026-10-05")).json.totals.calls).toBe(0);
    const body = { from: "2026-10-05T00:00:00Z", to: "2026-10-06T00:00:00Z" };
    const rebuilt = await callWorker(scriptedEnv(), "/v1/usage/rebuild", { key, body });
    expect(rebuilt.json).toMatchObject({ object: "usage.rebuild", totals: { calls: 3, cost_micros: 55 } });
    expect((await get("from=2026-10-05&to=2026-10-05")).json.totals).toMatchObject({ calls: 3, cost_micros: 55 });
  });

  it.each([
    [{ from: "2026-10-05T00:30:00Z", to: "2026-10-06T00:00:00Z" }, "from"],
    [{ from: "2026-10-06T00:00:00Z", to: "2026-10-05T00:00:00Z" }, "from"],
    [{ from: "2026-01-01T00:00:00Z", to: "2026-10-05T00:00:00Z" }, "to"],
  ])("is not rebuilt for %o", async (body, param) => {
    const { status, json } = await callWorker(scriptedEnv(), "/v1/usage/rebuild", { key, body });
    expect([status, json.error.param]).toEqual([400, param]);
  });
});

describe("the export", () => {
  const span = "from=2026-10-05&to=2026-10-05";

  it("has every call as CSV, oldest first, with nothing a spreadsheet would run", async () => {
    const file = await exportFile(span);
    expect(file.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
    expect(file.headers.get("content-disposition")).toContain(`filename="usage-2026-10-05-2026-10-05.csv"`);
    const [head, ...lines] = (await file.text()).split("\r\n");
    expect(head).toContain("id,at,key,subject,trace_id");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toContain("2026-10-05T00:00:00.000Z");
    expect(lines[0]).toContain(",'=cmd,");
    expect(lines[3]).toBe("");
  });

  it("has groups as JSON lines", async () => {
    const file = await exportFile(`${span}&format=jsonl&group_by=model`);
    expect(file.headers.get("content-type")).toBe("application/jsonl");
    const lines = (await file.text()).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { model: "scripted/a", calls: 1, cost_micros: 30 },
      { model: "scripted/b", calls: 2, cost_micros: 25 },
    ]);
  });

  it("goes through all pages", async () => {
    const many = Array.from({ length: 2_500 }, (_, i) =>
      usageRecord({ atMs: Date.parse("2026-09-01") + (i >> 2), feature, costMicros: 1 }),
    );
    for (let next = 0; next < many.length; next += 500) await store.insertUsage(many.slice(next, next + 500));
    const file = await exportFile("from=2026-09-01&to=2026-09-01&format=jsonl");
    const ids = (await file.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).id);
    expect(new Set(ids).size).toBe(2_500);
    expect(ids).toHaveLength(2_500);
  });

  it.each(["format=xls", "colour=red", "group_by=colour"])("refuses %s", async (query) => {
    expect((await exportFile(query)).status).toBe(400);
  });
});
