import { and, count, eq, gte, lt, max, sql, sum, type SQL } from "drizzle-orm";
import type { UsageRecord } from "../core/records.ts";
import { withDatabase, type Database } from "./client.ts";
import { usage } from "./schema.ts";

export const usageDimensions = ["model", "provider", "feature", "task", "subject", "key", "day"] as const;
export type UsageDimension = (typeof usageDimensions)[number];

export interface UsageQuery {
  groupBy: UsageDimension[];
  fromMs: number;
  /** Exclusive. */
  toMs: number;
  subjectId: string | null;
  keyId: string | null;
  limit: number;
}

export interface UsageGroup {
  group: Partial<Record<UsageDimension, string | null>>;
  calls: number;
  failedCalls: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  costMicros: number;
  estimatedCalls: number;
  lastAtMs: number;
}

const dimensionColumns = {
  model: sql<string>`${usage.provider} || '/' || ${usage.model}`,
  provider: sql<string>`${usage.provider}`,
  feature: sql<string | null>`${usage.feature}`,
  task: sql<string | null>`${usage.task}`,
  subject: sql<string>`${usage.subjectId}`,
  key: sql<string | null>`${usage.keyId}`,
  day: sql<string>`date(${usage.atMs} / 1000, 'unixepoch')`,
} satisfies Record<UsageDimension, SQL>;

export interface UsageStore {
  /** Writes rows once each, however often they are sent. */
  insertUsage(rows: UsageRecord[]): Promise<void>;
  /** Dearest group first. */
  summariseUsage(projectId: string, query: UsageQuery): Promise<UsageGroup[]>;
}

export function createUsageStore(db: Database): UsageStore {
  return {
    insertUsage: (rows) =>
      withDatabase(async () => {
        await db.run(sql`
          insert into usage (id, at_ms, project_id, key_id, subject_id, trace_id, operation, provider, model, tier, feature, task,
            prompt_name, prompt_version, prompt_hash, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,
            cost_micros, estimated, duration_ms, time_to_first_token_ms, output_hash, outcome)
          select value ->> 'id', value ->> 'atMs', value ->> 'projectId', value ->> 'keyId', value ->> 'subjectId',
            value ->> 'traceId', value ->> 'operation', value ->> 'provider', value ->> 'model', value ->> 'tier',
            value ->> 'feature', value ->> 'task', value ->> 'promptName', value ->> 'promptVersion', value ->> 'promptHash',
            value ->> 'inputTokens', value ->> 'cachedInputTokens', value ->> 'outputTokens', value ->> 'reasoningTokens',
            value ->> 'costMicros', value ->> 'estimated', value ->> 'durationMs', value ->> 'timeToFirstTokenMs',
            value ->> 'outputHash', value ->> 'outcome'
          from json_each(${JSON.stringify(rows)}) where true
          on conflict(id) do nothing`);
      }),
    summariseUsage: (projectId, query) =>
      withDatabase(async () => {
        const groups = query.groupBy.map((dimension) => dimensionColumns[dimension]);
        const cost = sum(usage.costMicros).mapWith(Number);
        const rows = await db
          .select({
            group: sql<string>`json_array(${sql.join(groups, sql`, `)})`,
            calls: count(),
            failedCalls: sum(sql`${usage.outcome} <> 'ok'`).mapWith(Number),
            inputTokens: sum(usage.inputTokens).mapWith(Number),
            cachedInputTokens: sum(usage.cachedInputTokens).mapWith(Number),
            outputTokens: sum(usage.outputTokens).mapWith(Number),
            reasoningTokens: sum(usage.reasoningTokens).mapWith(Number),
            costMicros: cost,
            estimatedCalls: sum(usage.estimated).mapWith(Number),
            lastAtMs: max(usage.atMs),
          })
          .from(usage)
          .where(
            and(
              eq(usage.projectId, projectId),
              gte(usage.atMs, query.fromMs),
              lt(usage.atMs, query.toMs),
              query.subjectId === null ? undefined : eq(usage.subjectId, query.subjectId),
              query.keyId === null ? undefined : eq(usage.keyId, query.keyId),
            ),
          )
          .groupBy(...groups)
          .orderBy(sql`${cost} desc`, sql`1`)
          .limit(query.limit);
        return rows.map(({ group, lastAtMs, ...sums }) => {
          // json_array of the selected columns, made by the query above.
          const values = JSON.parse(group) as (string | null)[];
          return {
            group: Object.fromEntries(query.groupBy.map((dimension, index) => [dimension, values[index] ?? null])),
            ...sums,
            lastAtMs: lastAtMs ?? 0,
          };
        });
      }),
  };
}
