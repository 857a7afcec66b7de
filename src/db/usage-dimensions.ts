import { sql, type SQL } from "drizzle-orm";

/** What a report may be grouped by. `user` is `subject` under the name that product teams use. */
export const usageDimensions = [
  "model",
  "provider",
  "feature",
  "task",
  "agent",
  "prompt",
  "subject",
  "user",
  "key",
  "day",
  "hour",
] as const;
export type UsageDimension = (typeof usageDimensions)[number];

/** What a report may be narrowed to, each an exact value; `prompt` is a name or `name@version`. */
export interface UsageFilters {
  /** `provider/model`. */
  model?: string;
  provider?: string;
  feature?: string;
  task?: string;
  agent?: string;
  prompt?: string;
  subjectId?: string;
  /** Any of these. */
  keyIds?: string[];
}

const promptSql = sql`nullif(prompt_name, '') || iif(coalesce(prompt_version, '') = '', '', '@' || prompt_version)`;

/** Over the columns of usage_rollup: `""` is "none" there, and `null` in a report. */
export const dimensionSql = {
  model: sql`provider || '/' || model`,
  provider: sql`provider`,
  feature: sql`nullif(feature, '')`,
  task: sql`nullif(task, '')`,
  agent: sql`nullif(agent, '')`,
  prompt: promptSql,
  subject: sql`subject_id`,
  user: sql`subject_id`,
  key: sql`nullif(key_id, '')`,
  day: sql`date(hour_ms / 1000, 'unixepoch')`,
  hour: sql`strftime('%Y-%m-%dT%H:00:00Z', hour_ms / 1000, 'unixepoch')`,
} satisfies Record<UsageDimension, SQL>;

/** ` and …` for each filter: true of the same calls in usage and in usage_rollup. */
export function filterSql(filters: UsageFilters): SQL {
  const { model, provider, feature, task, agent, prompt, subjectId, keyIds } = filters;
  const conditions = [
    model === undefined ? null : sql` and provider || '/' || model = ${model}`,
    provider === undefined ? null : sql` and provider = ${provider}`,
    feature === undefined ? null : sql` and feature = ${feature}`,
    task === undefined ? null : sql` and task = ${task}`,
    agent === undefined ? null : sql` and agent = ${agent}`,
    prompt === undefined ? null : sql` and (prompt_name = ${prompt} or ${promptSql} = ${prompt})`,
    subjectId === undefined ? null : sql` and subject_id = ${subjectId}`,
    // As JSON: D1 takes 100 bound parameters.
    keyIds === undefined ? null : sql` and key_id in (select value from json_each(${JSON.stringify(keyIds)}))`,
  ].filter((condition) => condition !== null);
  return sql.join(conditions);
}
