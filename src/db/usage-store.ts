import { and, asc, eq, gt, gte, lt, or, sql } from "drizzle-orm";
import type { TimeCursor } from "../core/page-cursor.ts";
import type { AuditRecord, UsageRecord } from "../core/records.ts";
import { insertPendingAudit } from "./audit-store.ts";
import { withDatabase, type Database } from "./client.ts";
import { usage, usageRollup } from "./schema.ts";
import { dimensionSql, filterSql, type UsageDimension, type UsageFilters } from "./usage-dimensions.ts";
import { hourMs, rollupOfRows, sumsSql, usageBetween } from "./usage-rollup.ts";

/** Calls of a span of time. */
export interface UsageSpan {
  fromMs: number;
  /** Exclusive. */
  toMs: number;
  filters: UsageFilters;
}

export interface UsageSums {
  calls: number;
  failedCalls: number;
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  costMicros: number;
  estimatedCalls: number;
  lastAtMs: number;
}

export interface UsageGroup extends UsageSums {
  group: Partial<Record<UsageDimension, string | null>>;
}

/** Where a page of groups ended. */
export interface GroupCursor {
  costMicros: number;
  /** The group's values as a JSON array, in the order they were asked for. */
  values: string;
}

export interface UsageQuery extends UsageSpan {
  /** At least one. */
  groupBy: UsageDimension[];
  limit: number;
  after: GroupCursor | null;
}

export interface UsageStore {
  /** Writes rows once each, however often they are sent. */
  insertUsage(rows: UsageRecord[]): Promise<void>;
  /** A page of groups, dearest first, and the totals over all of them. */
  reportUsage(projectId: string, query: UsageQuery): Promise<{ groups: UsageGroup[]; totals: UsageSums }>;
  /** The groups alone. */
  summariseUsage(projectId: string, query: UsageQuery): Promise<UsageGroup[]>;
  totalUsage(projectId: string, span: UsageSpan): Promise<UsageSums>;
  /** The rows themselves, oldest first. */
  listUsage(
    projectId: string,
    page: UsageSpan & { limit: number; after: TimeCursor | null },
  ): Promise<(typeof usage.$inferSelect)[]>;
  /** Makes the rollup of a span of whole hours again from its rows. Exact, however often it is asked for. */
  rebuildRollup(projectId: string, span: { fromMs: number; toMs: number }, audit: AuditRecord): Promise<void>;
}

/** So much is made again in one transaction: D1 ends what takes longer than 30 s. */
const rebuildStepMs = 24 * hourMs;

/** As SQLite names them; `json_array` of the group's values comes with each. */
interface SumsRow {
  [column: string]: unknown;
  calls: number;
  failed_calls: number;
  input_tokens: number;
  cached_input_tokens: number;
  cache_write_input_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  cost_micros: number;
  estimated_calls: number;
  last_at_ms: number;
}

export function createUsageStore(db: Database): UsageStore {
  const reportUsage: UsageStore["reportUsage"] = (projectId, { groupBy, filters, limit, after, ...span }) =>
    withDatabase(async () => {
      const dimensions = sql.join(
        groupBy.map((dimension) => dimensionSql[dimension]),
        sql`, `,
      );
      const goesOn =
        after === null
          ? sql`true`
          : sql`cost_micros < ${after.costMicros} or (cost_micros = ${after.costMicros} and group_values > ${after.values})`;
      // One pass over the calls for both; the totals are the row without a group.
      const rows = await db.all<SumsRow & { group_values: string | null }>(sql`
        with groups as materialized (
          select json_array(${dimensions}) as group_values, ${sumsSql}
          from (${usageBetween(projectId, { ...span, filter: filterSql(filters) })})
          group by ${dimensions})
        select * from (select * from groups where ${goesOn} order by cost_micros desc, group_values limit ${limit})
        union all
        select null, ${sumsSql} from groups`);
      const totals = rows[rows.length - 1];
      const groups = rows.slice(0, -1).map((row) => {
        // json_array of the columns selected above.
        const values = JSON.parse(row.group_values ?? "[]") as (string | null)[];
        return {
          group: Object.fromEntries(groupBy.map((dimension, index) => [dimension, values[index] ?? null])),
          ...toSums(row),
        };
      });
      if (totals === undefined) throw new Error("a sum without groups has one row");
      return { groups, totals: toSums(totals) };
    });

  return {
    insertUsage: (rows) =>
      withDatabase(async () => {
        await db.run(sql`
          insert into usage (id, at_ms, project_id, key_id, subject_id, trace_id, operation, provider, model, tier, feature, task, agent,
            prompt_name, prompt_version, prompt_hash, input_tokens, cached_input_tokens, cache_write_input_tokens, output_tokens, reasoning_tokens,
            cost_micros, estimated, duration_ms, time_to_first_token_ms, output_hash, outcome)
          select value ->> 'id', value ->> 'atMs', value ->> 'projectId', value ->> 'keyId', value ->> 'subjectId',
            value ->> 'traceId', value ->> 'operation', value ->> 'provider', value ->> 'model', value ->> 'tier',
            value ->> 'feature', value ->> 'task', value ->> 'agent', value ->> 'promptName', value ->> 'promptVersion', value ->> 'promptHash',
            value ->> 'inputTokens', value ->> 'cachedInputTokens', coalesce(value ->> 'cacheWriteInputTokens', 0), value ->> 'outputTokens', value ->> 'reasoningTokens',
            value ->> 'costMicros', value ->> 'estimated', value ->> 'durationMs', value ->> 'timeToFirstTokenMs',
            value ->> 'outputHash', value ->> 'outcome'
          from json_each(${JSON.stringify(rows)}) where true
          on conflict(id) do nothing`);
      }),
    reportUsage,
    summariseUsage: async (projectId, query) => (await reportUsage(projectId, query)).groups,
    totalUsage: (projectId, { filters, ...span }) =>
      withDatabase(async () => {
        const row = await db.get<SumsRow>(
          sql`select ${sumsSql} from (${usageBetween(projectId, { ...span, filter: filterSql(filters) })})`,
        );
        return toSums(row);
      }),
    listUsage: (projectId, { fromMs, toMs, filters, limit, after }) =>
      withDatabase(() =>
        db
          .select()
          .from(usage)
          .where(
            and(
              eq(usage.projectId, projectId),
              gte(usage.atMs, after?.atMs ?? fromMs),
              lt(usage.atMs, toMs),
              after === null
                ? undefined
                : or(gt(usage.atMs, after.atMs), and(eq(usage.atMs, after.atMs), gt(usage.id, after.id))),
              sql`true${filterSql(filters)}`,
            ),
          )
          .orderBy(asc(usage.atMs), asc(usage.id))
          .limit(limit),
      ),
    rebuildRollup: (projectId, { fromMs, toMs }, audit) =>
      withDatabase(async () => {
        // First: days that were made again by a rebuild that broke off are recorded too.
        await insertPendingAudit(db, audit);
        for (let startMs = fromMs; startMs < toMs; startMs += rebuildStepMs) {
          const step = { fromMs: startMs, toMs: Math.min(toMs, startMs + rebuildStepMs) };
          // One transaction: no row can come between what is cleared and what is counted.
          await db.batch([
            db
              .delete(usageRollup)
              .where(
                and(
                  eq(usageRollup.projectId, projectId),
                  gte(usageRollup.hourMs, step.fromMs),
                  lt(usageRollup.hourMs, step.toMs),
                ),
              ),
            db.insert(usageRollup).select(rollupOfRows(projectId, step)),
          ]);
        }
      }),
  };
}

function toSums(row: SumsRow): UsageSums {
  return {
    calls: row.calls,
    failedCalls: row.failed_calls,
    inputTokens: row.input_tokens,
    cachedInputTokens: row.cached_input_tokens,
    cacheWriteInputTokens: row.cache_write_input_tokens,
    outputTokens: row.output_tokens,
    reasoningTokens: row.reasoning_tokens,
    costMicros: row.cost_micros,
    estimatedCalls: row.estimated_calls,
    lastAtMs: row.last_at_ms,
  };
}
