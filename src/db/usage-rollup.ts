import { sql, type SQL } from "drizzle-orm";

export const hourMs = 3_600_000;

const dimensions = sql`coalesce(key_id, '') as key_id, subject_id, provider, model, coalesce(feature, '') as feature,
  coalesce(task, '') as task, coalesce(agent, '') as agent, coalesce(prompt_name, '') as prompt_name,
  coalesce(prompt_version, '') as prompt_version`;

/** A row of usage as the rollup would count it alone. */
const usageAsRollup = sql`project_id, at_ms - at_ms % ${sql.raw(String(hourMs))} as hour_ms, ${dimensions}, 1 as calls,
  outcome <> 'ok' as failed_calls, input_tokens, cached_input_tokens, cache_write_input_tokens, output_tokens, reasoning_tokens,
  cost_micros, estimated as estimated_calls, at_ms as last_at_ms`;

const rollupColumns = sql`project_id, hour_ms, key_id, subject_id, provider, model, feature, task, agent, prompt_name,
  prompt_version, calls, failed_calls, input_tokens, cached_input_tokens, cache_write_input_tokens, output_tokens,
  reasoning_tokens, cost_micros, estimated_calls, last_at_ms`;

/** The sums of a report, under the rollup's own column names. */
export const sumsSql = sql`coalesce(sum(calls), 0) as calls, coalesce(sum(failed_calls), 0) as failed_calls,
  coalesce(sum(input_tokens), 0) as input_tokens, coalesce(sum(cached_input_tokens), 0) as cached_input_tokens,
  coalesce(sum(cache_write_input_tokens), 0) as cache_write_input_tokens, coalesce(sum(output_tokens), 0) as output_tokens,
  coalesce(sum(reasoning_tokens), 0) as reasoning_tokens, coalesce(sum(cost_micros), 0) as cost_micros,
  coalesce(sum(estimated_calls), 0) as estimated_calls, coalesce(max(last_at_ms), 0) as last_at_ms`;

/** The calls of a span of time as a table: whole hours from the rollup, the edges from the rows themselves. `toMs` is exclusive. */
export function usageBetween(
  projectId: string,
  { fromMs, toMs, filter }: { fromMs: number; toMs: number; filter: SQL },
): SQL {
  const rows = (startMs: number, endMs: number) =>
    sql`select ${usageAsRollup} from usage where project_id = ${projectId} and at_ms >= ${startMs} and at_ms < ${endMs}${filter}`;
  const firstHourMs = Math.ceil(fromMs / hourMs) * hourMs;
  const endHourMs = Math.floor(toMs / hourMs) * hourMs;
  if (firstHourMs >= endHourMs) return rows(fromMs, toMs);
  const parts = [
    sql`select ${rollupColumns} from usage_rollup
        where project_id = ${projectId} and hour_ms >= ${firstHourMs} and hour_ms < ${endHourMs}${filter}`,
    ...(fromMs < firstHourMs ? [rows(fromMs, firstHourMs)] : []),
    ...(endHourMs < toMs ? [rows(endHourMs, toMs)] : []),
  ];
  return sql.join(parts, sql` union all `);
}

/** The rollup's rows for the calls of whole hours, as the table's columns stand in the schema. */
export function rollupOfRows(projectId: string, { fromMs, toMs }: { fromMs: number; toMs: number }): SQL {
  return sql`
    select project_id, hour_ms, key_id, subject_id, provider, model, feature, task, agent, prompt_name, prompt_version, ${sumsSql}
    from (select ${usageAsRollup} from usage where project_id = ${projectId} and at_ms >= ${fromMs} and at_ms < ${toMs})
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11`;
}
