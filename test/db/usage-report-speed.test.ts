import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { newId } from "../../src/core/ids.ts";
import { openDatabase } from "../../src/db/client.ts";
import type { UsageDimension } from "../../src/db/usage-dimensions.ts";
import { createUsageStore } from "../../src/db/usage-store.ts";
import { usageRecord } from "../support/records.ts";

const calls = 100_000;
const batch = 2_000;
const dayMs = 86_400_000;
const fromMs = Date.parse("2026-10-01");
const projectId = newId("project");
const store = createUsageStore(openDatabase(env.DB));

/** 30 days, 20 users at a time out of 500, 4 models, 5 features: about 22,000 buckets. */
beforeAll(async () => {
  for (let first = 0; first < calls; first += batch) {
    await store.insertUsage(
      Array.from({ length: batch }, (_, i) => first + i).map((n) =>
        usageRecord({
          projectId,
          atMs: fromMs + Math.floor((n / calls) * 30 * dayMs),
          subjectId: `sub_${(Math.floor(n / 4_000) * 20 + (n % 20)) % 500}`,
          model: `model-${n % 4}`,
          feature: `feature-${n % 5}`,
          costMicros: 1,
        }),
      ),
    );
  }
}, 180_000);

it.each<{ groupBy: UsageDimension[]; what: string; offsetMs: number }>([
  { groupBy: ["model"], what: "whole days", offsetMs: 0 },
  { groupBy: ["feature", "day"], what: "whole days", offsetMs: 0 },
  { groupBy: ["user"], what: "whole days", offsetMs: 0 },
  { groupBy: ["model"], what: "times within hours", offsetMs: 1_234_567 },
])("a report of 100,000 calls by $groupBy over $what takes under 200 ms", async ({ groupBy, offsetMs }) => {
  const span = { fromMs: fromMs + offsetMs, toMs: fromMs + 30 * dayMs - offsetMs, filters: {} };
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const startMs = Date.now();
    const { groups, totals } = await store.reportUsage(projectId, { ...span, groupBy, limit: 101, after: null });
    times.push(Date.now() - startMs);
    expect(groups.length).toBeGreaterThan(3);
    if (offsetMs === 0) expect(totals).toMatchObject({ calls, costMicros: calls });
  }
  const median = times.toSorted((left, right) => left - right)[2] ?? Infinity;
  expect(median, `${times.join(", ")} ms`).toBeLessThan(200);
});
