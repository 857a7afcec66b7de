import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { newId } from "../../src/core/ids.ts";
import { openDatabase } from "../../src/db/client.ts";
import type { UsageDimension, UsageFilters } from "../../src/db/usage-dimensions.ts";
import { createUsageStore, type UsageGroup } from "../../src/db/usage-store.ts";
import { auditRecord, usageRecord } from "../support/records.ts";

const store = createUsageStore(openDatabase(env.DB));
const day = Date.parse("2026-11-20");
const hour = 3_600_000;

let projectId: string;
beforeEach(() => {
  projectId = newId("project");
});

const record = (more: Parameters<typeof usageRecord>[0]) => usageRecord({ projectId, atMs: day, ...more });

function summarise(
  groupBy: UsageDimension[],
  more: Partial<{ fromMs: number; toMs: number; filters: UsageFilters }> = {},
): Promise<UsageGroup[]> {
  return store.summariseUsage(projectId, {
    groupBy,
    fromMs: day,
    toMs: day + 24 * hour,
    filters: {},
    limit: 100,
    after: null,
    ...more,
  });
}

async function rollupRows(): Promise<unknown[]> {
  const { results } = await env.DB.prepare("select * from usage_rollup where project_id = ? order by hour_ms, model")
    .bind(projectId)
    .all();
  return results;
}

describe("the rollup", () => {
  it("counts a row once, however often it is sent", async () => {
    const row = record({ costMicros: 70 });
    await store.insertUsage([row]);
    await store.insertUsage([row, record({ costMicros: 5 })]);
    expect(await summarise(["day"])).toMatchObject([{ group: { day: "2026-11-20" }, calls: 2, costMicros: 75 }]);
    expect(await rollupRows()).toHaveLength(1);
  });

  it("keeps hours and what a report groups by apart, and sums the rest", async () => {
    await store.insertUsage([
      record({ atMs: day + hour - 1, inputTokens: 1 }),
      record({ atMs: day, inputTokens: 2, outcome: "upstream_error", estimated: true }),
      record({ atMs: day + hour, inputTokens: 4 }),
      record({ atMs: day, inputTokens: 8, model: "other" }),
    ]);
    expect(await rollupRows()).toMatchObject([
      { hour_ms: day, model: "ok", calls: 2, input_tokens: 3, failed_calls: 1, estimated_calls: 1 },
      { hour_ms: day, model: "other", calls: 1, input_tokens: 8 },
      { hour_ms: day + hour, model: "ok", calls: 1, input_tokens: 4, failed_calls: 0 },
    ]);
    expect((await rollupRows())[0]).toMatchObject({ last_at_ms: day + hour - 1 });
  });

  it("is made again exactly from the rows, whatever became of it", async () => {
    await store.insertUsage([record({ model: "a" }), record({ model: "b" }), record({ atMs: day + 30 * hour })]);
    const before = await rollupRows();
    await env.DB.prepare("update usage_rollup set cost_micros = 1, calls = 9 where project_id = ?")
      .bind(projectId)
      .run();
    await env.DB.prepare("delete from usage_rollup where project_id = ? and model = 'b'").bind(projectId).run();
    const span = { fromMs: day, toMs: day + 48 * hour };
    await store.rebuildRollup(projectId, span, auditRecord());
    expect(await rollupRows()).toEqual(before);
    await store.rebuildRollup(projectId, span, auditRecord());
    expect(await rollupRows()).toEqual(before);
  });

  it("outside a rebuilt span, and of another project, stays as it is", async () => {
    await store.insertUsage([record({}), record({ atMs: day + 2 * hour })]);
    await env.DB.prepare("update usage_rollup set calls = 9 where project_id = ?").bind(projectId).run();
    await store.rebuildRollup(projectId, { fromMs: day, toMs: day + hour }, auditRecord());
    expect(await rollupRows()).toMatchObject([{ calls: 1 }, { calls: 9 }]);
    await store.rebuildRollup(newId("project"), { fromMs: day, toMs: day + 24 * hour }, auditRecord());
    expect(await rollupRows()).toMatchObject([{ calls: 1 }, { calls: 9 }]);
  });
});

describe("a report", () => {
  it("cuts an hour where the span does", async () => {
    const times = [0, 59, 60, 90, 120, 179, 180, 200].map((minutes) => day + minutes * 60_000);
    await store.insertUsage(times.map((atMs) => record({ atMs, costMicros: 1 })));
    const calls = async (from: number, to: number) =>
      (await store.totalUsage(projectId, { fromMs: day + from * 60_000, toMs: day + to * 60_000, filters: {} })).calls;
    expect(await calls(0, 1440)).toBe(8);
    expect(await calls(59, 180)).toBe(5);
    expect(await calls(60, 180)).toBe(4);
    expect(await calls(1, 200)).toBe(6);
    expect(await calls(61, 119)).toBe(1);
    expect(await calls(300, 400)).toBe(0);
  });

  it.each<{ dimension: UsageDimension; expected: (string | null)[] }>([
    { dimension: "model", expected: ["one/big", "two/small"] },
    { dimension: "provider", expected: ["one", "two"] },
    { dimension: "feature", expected: ["search", null] },
    { dimension: "task", expected: ["summary", null] },
    { dimension: "agent", expected: ["clerk", null] },
    { dimension: "prompt", expected: ["grounded@v1.0", null] },
    { dimension: "subject", expected: ["sub_a", "sub_b"] },
    { dimension: "user", expected: ["sub_a", "sub_b"] },
    { dimension: "key", expected: ["key_a", null] },
    { dimension: "day", expected: ["2026-11-20", "2026-11-21"] },
    { dimension: "hour", expected: ["2026-11-20T00:00:00Z", "2026-11-21T03:00:00Z"] },
  ])("groups by $dimension, dearest first", async ({ dimension, expected }) => {
    await store.insertUsage(unlikePair());
    const groups = await summarise([dimension], { toMs: day + 48 * hour });
    expect(groups.map(({ group }) => group[dimension])).toEqual(expected);
    expect(groups.map(({ costMicros }) => costMicros)).toEqual([20, 10]);
  });

  it.each<{ filters: UsageFilters }>([
    { filters: { model: "one/big" } },
    { filters: { provider: "one" } },
    { filters: { feature: "search" } },
    { filters: { task: "summary" } },
    { filters: { agent: "clerk" } },
    { filters: { prompt: "grounded" } },
    { filters: { prompt: "grounded@v1.0" } },
    { filters: { subjectId: "sub_a" } },
    { filters: { keyIds: ["key_z", "key_a"] } },
  ])("is narrowed to $filters, in the rollup and in the rows", async ({ filters }) => {
    await store.insertUsage(unlikePair());
    const span = { fromMs: day, toMs: day + 48 * hour, filters };
    expect(await store.totalUsage(projectId, span)).toMatchObject({ calls: 1, costMicros: 20 });
    expect(await store.totalUsage(projectId, { ...span, toMs: day + 1 })).toMatchObject({ calls: 1 });
    expect(await store.listUsage(projectId, { ...span, limit: 9, after: null })).toMatchObject([{ costMicros: 20 }]);
  });

  it("goes on where a page ended, each group once", async () => {
    await store.insertUsage(["a", "b", "c", "d", "e"].map((model, i) => record({ model, costMicros: i < 3 ? 7 : 9 })));
    const seen: unknown[] = [];
    let after: { costMicros: number; values: string } | null = null;
    for (let page = 0; page < 5; page += 1) {
      const groups: UsageGroup[] = await store.summariseUsage(projectId, {
        groupBy: ["model"],
        fromMs: day,
        toMs: day + hour,
        filters: {},
        limit: 2,
        after,
      });
      const last = groups.at(-1);
      if (last === undefined) break;
      seen.push(...groups.map(({ group }) => group.model));
      after = { costMicros: last.costMicros, values: JSON.stringify([last.group.model]) };
    }
    expect(seen).toEqual(["scripted/d", "scripted/e", "scripted/a", "scripted/b", "scripted/c"]);
  });

  it("of rows goes on where a page ended, also within a millisecond", async () => {
    await store.insertUsage(["use_b", "use_a", "use_c"].map((id) => record({ id: `${id}${projectId.slice(4)}` })));
    const span = { fromMs: day, toMs: day + hour, filters: {} };
    const first = await store.listUsage(projectId, { ...span, limit: 2, after: null });
    const last = first.at(-1);
    if (last === undefined) throw new Error("no rows");
    const second = await store.listUsage(projectId, { ...span, limit: 2, after: last });
    expect([...first, ...second].map(({ id }) => id.slice(0, 5))).toEqual(["use_a", "use_b", "use_c"]);
  });

  it("of another project shows nothing", async () => {
    await store.insertUsage([record({})]);
    const span = { fromMs: day, toMs: day + hour, filters: {} };
    expect(await store.totalUsage(newId("project"), span)).toMatchObject({ calls: 0, costMicros: 0 });
  });
});

function unlikePair() {
  const first = {
    provider: "one",
    model: "big",
    feature: "search",
    task: "summary",
    agent: "clerk",
    promptName: "grounded",
    promptVersion: "v1.0",
    subjectId: "sub_a",
    keyId: "key_a",
    costMicros: 20,
  };
  const second = { provider: "two", model: "small", subjectId: "sub_b", atMs: day + 27 * hour, costMicros: 10 };
  return [record(first), record(second)];
}
