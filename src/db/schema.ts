import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/** API keys. The secret part is never stored: a key verifies by its own HMAC. Limits are the key's as its own subject, and stand above those it acts for. */
export const keys = sqliteTable(
  "keys",
  {
    id: text("id").primaryKey(),
    projectId: text("project_id").notNull(),
    name: text("name").notNull(),
    scopes: text("scopes", { mode: "json" }).$type<string[]>().notNull(),
    requestsPerMinute: integer("requests_per_minute"),
    tokensPerMinute: integer("tokens_per_minute"),
    dailyBudgetMicros: integer("daily_budget_micros"),
    monthlyBudgetMicros: integer("monthly_budget_micros"),
    /** `abort` or `drain`: what becomes of a running call when its client leaves. */
    onDisconnect: text("on_disconnect").$type<"abort" | "drain">().notNull().default("abort"),
    createdAtMs: integer("created_at_ms").notNull(),
    expiresAtMs: integer("expires_at_ms"),
    revokedAtMs: integer("revoked_at_ms"),
    rotatedFrom: text("rotated_from"),
    /** The first of its line of rotations: whose limits, spend and content these are. */
    rootId: text("root_id").notNull(),
  },
  (table) => [index("keys_by_project").on(table.projectId, table.createdAtMs)],
);

/** Limits of a whole project, of a key over all its subjects, of a feature, or of one subject; null is no limit. */
export const budgets = sqliteTable(
  "budgets",
  {
    id: text("id").primaryKey(),
    projectId: text("project_id").notNull(),
    kind: text("kind").$type<"project" | "key" | "feature" | "subject">().notNull(),
    /** The root key's id, the feature's name or the subject's id; empty for the project. */
    target: text("target").notNull(),
    requestsPerMinute: integer("requests_per_minute"),
    tokensPerMinute: integer("tokens_per_minute"),
    dailyBudgetMicros: integer("daily_budget_micros"),
    monthlyBudgetMicros: integer("monthly_budget_micros"),
    /** Hears of 50, 80 and 100 % of a budget. */
    webhookUrl: text("webhook_url"),
    createdAtMs: integer("created_at_ms").notNull(),
    updatedAtMs: integer("updated_at_ms").notNull(),
  },
  (table) => [uniqueIndex("budgets_by_target").on(table.projectId, table.kind, table.target)],
);

/** Administrative audit rows that wait for the project's collector: written in the batch of the change they record. */
export const auditOutbox = sqliteTable("audit_outbox", {
  seq: integer("seq").primaryKey({ autoIncrement: true }),
  projectId: text("project_id").notNull(),
  record: text("record").notNull(),
});

export const collections = sqliteTable(
  "collections",
  {
    id: text("id").primaryKey(),
    projectId: text("project_id").notNull(),
    name: text("name").notNull(),
    fingerprint: text("fingerprint").notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
  },
  (table) => [uniqueIndex("collections_by_name").on(table.projectId, table.name)],
);

export const documents = sqliteTable(
  "documents",
  {
    id: text("id").primaryKey(),
    projectId: text("project_id").notNull(),
    collectionId: text("collection_id").notNull(),
    externalId: text("external_id").notNull(),
    title: text("title").notNull(),
    contentType: text("content_type").notNull(),
    contentHash: text("content_hash").notNull(),
    characters: integer("characters").notNull(),
    chunks: integer("chunks").notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
    updatedAtMs: integer("updated_at_ms").notNull(),
  },
  (table) => [uniqueIndex("documents_by_external_id").on(table.collectionId, table.externalId)],
);

export const usage = sqliteTable(
  "usage",
  {
    id: text("id").primaryKey(),
    atMs: integer("at_ms").notNull(),
    projectId: text("project_id").notNull(),
    keyId: text("key_id"),
    subjectId: text("subject_id").notNull(),
    traceId: text("trace_id").notNull(),
    operation: text("operation").notNull(),
    provider: text("provider").notNull(),
    model: text("model").notNull(),
    tier: text("tier"),
    feature: text("feature"),
    task: text("task"),
    agent: text("agent"),
    promptName: text("prompt_name"),
    promptVersion: text("prompt_version"),
    promptHash: text("prompt_hash"),
    inputTokens: integer("input_tokens").notNull(),
    cachedInputTokens: integer("cached_input_tokens").notNull(),
    cacheWriteInputTokens: integer("cache_write_input_tokens").notNull().default(0),
    outputTokens: integer("output_tokens").notNull(),
    reasoningTokens: integer("reasoning_tokens").notNull(),
    costMicros: integer("cost_micros").notNull(),
    estimated: integer("estimated", { mode: "boolean" }).notNull(),
    durationMs: integer("duration_ms").notNull(),
    timeToFirstTokenMs: integer("time_to_first_token_ms"),
    outputHash: text("output_hash"),
    outcome: text("outcome").notNull(),
  },
  (table) => [index("usage_by_project").on(table.projectId, table.atMs)],
);

/**
 * `usage` summed by the UTC hour and by everything a report groups by; `""` stands for "none". Triggers on `usage` keep it
 * (migration 0005), so that a row that was there already changes nothing here either.
 */
export const usageRollup = sqliteTable(
  "usage_rollup",
  {
    projectId: text("project_id").notNull(),
    hourMs: integer("hour_ms").notNull(),
    keyId: text("key_id").notNull(),
    subjectId: text("subject_id").notNull(),
    provider: text("provider").notNull(),
    model: text("model").notNull(),
    feature: text("feature").notNull(),
    task: text("task").notNull(),
    agent: text("agent").notNull(),
    promptName: text("prompt_name").notNull(),
    promptVersion: text("prompt_version").notNull(),
    calls: integer("calls").notNull(),
    failedCalls: integer("failed_calls").notNull(),
    inputTokens: integer("input_tokens").notNull(),
    cachedInputTokens: integer("cached_input_tokens").notNull(),
    cacheWriteInputTokens: integer("cache_write_input_tokens").notNull(),
    outputTokens: integer("output_tokens").notNull(),
    reasoningTokens: integer("reasoning_tokens").notNull(),
    costMicros: integer("cost_micros").notNull(),
    estimatedCalls: integer("estimated_calls").notNull(),
    lastAtMs: integer("last_at_ms").notNull(),
  },
  (table) => [
    primaryKey({
      columns: [
        table.projectId,
        table.hourMs,
        table.keyId,
        table.subjectId,
        table.provider,
        table.model,
        table.feature,
        table.task,
        table.agent,
        table.promptName,
        table.promptVersion,
      ],
    }),
  ],
);

/** The hash chain, one per project: `hash` covers the sequence, the previous hash and the record's canonical JSON. */
export const audit = sqliteTable(
  "audit",
  {
    projectId: text("project_id").notNull(),
    seq: integer("seq").notNull(),
    id: text("id").notNull().unique(),
    atMs: integer("at_ms").notNull(),
    action: text("action").notNull(),
    traceId: text("trace_id").notNull(),
    record: text("record").notNull(),
    previousHash: text("previous_hash").notNull(),
    hash: text("hash").notNull(),
  },
  (table) => [primaryKey({ columns: [table.projectId, table.seq] })],
);

/** One row per trace, its spans inside as JSON. */
export const traces = sqliteTable(
  "traces",
  {
    id: text("id").primaryKey(),
    projectId: text("project_id").notNull(),
    subjectId: text("subject_id").notNull(),
    startMs: integer("start_ms").notNull(),
    endMs: integer("end_ms").notNull(),
    spans: text("spans").notNull(),
  },
  (table) => [index("traces_by_project").on(table.projectId, table.startMs)],
);

export const evalRuns = sqliteTable(
  "eval_runs",
  {
    id: text("id").primaryKey(),
    projectId: text("project_id").notNull(),
    suite: text("suite").notNull(),
    trigger: text("trigger").notNull(),
    status: text("status").notNull(),
    dataHash: text("data_hash").notNull(),
    promptVersion: text("prompt_version").notNull(),
    model: text("model").notNull(),
    startedAtMs: integer("started_at_ms").notNull(),
    endedAtMs: integer("ended_at_ms"),
    total: integer("total").notNull(),
    passed: integer("passed").notNull(),
    criticalTotal: integer("critical_total").notNull(),
    criticalPassed: integer("critical_passed").notNull(),
    gatePassed: integer("gate_passed", { mode: "boolean" }),
    error: text("error"),
  },
  (table) => [index("eval_runs_by_project").on(table.projectId, table.startedAtMs)],
);

export const evalResults = sqliteTable(
  "eval_results",
  {
    runId: text("run_id").notNull(),
    caseId: text("case_id").notNull(),
    passed: integer("passed", { mode: "boolean" }).notNull(),
    tags: text("tags", { mode: "json" }).$type<string[]>().notNull(),
    failures: text("failures", { mode: "json" }).$type<string[]>().notNull(),
    traceId: text("trace_id"),
    model: text("model"),
    costMicros: integer("cost_micros").notNull(),
    durationMs: integer("duration_ms").notNull(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.caseId] })],
);
