import { newId } from "./ids.ts";
import type { Principal } from "./principal.ts";
import type { Verdict } from "./verdict.ts";

/** One row per model call. Ids, hashes and numbers only: no content, no personal data. */
export interface UsageRecord {
  id: string;
  atMs: number;
  projectId: string;
  keyId: string | null;
  subjectId: string;
  traceId: string;
  operation: "chat" | "embeddings";
  provider: string;
  model: string;
  tier: string | null;
  feature: string | null;
  task: string | null;
  agent: string | null;
  promptName: string | null;
  promptVersion: string | null;
  promptHash: string | null;
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  costMicros: number;
  /** True when the count is ours, not the provider's, or the hold was orphaned. */
  estimated: boolean;
  durationMs: number;
  timeToFirstTokenMs: number | null;
  outputHash: string | null;
  /** `ok`, or the error code the call ended with. */
  outcome: string;
}

/** One row per request and per administrative action. Chained later, by the project's collector. */
export interface AuditRecord {
  id: string;
  atMs: number;
  projectId: string;
  /** `key_…`, or `admin`. */
  actor: string;
  subjectId: string;
  traceId: string;
  /** e.g. `chat.completions`, `keys.create`. */
  action: string;
  /** What it was done to: `col_…`, `key_…`, or a model. */
  target: string | null;
  /** `ok`, or the error code. */
  outcome: string;
  estimated: boolean;
  costMicros: number;
  verdicts: Pick<Verdict, "guardrail" | "stage" | "action" | "rules" | "redactions">[];
  /** Facts of the action: ids, numbers, hashes, reasons. */
  detail: Record<string, string | number | boolean | null | string[]>;
}

/** The row of an administrative change: it is written in the same batch as the change itself. */
export function changeRecord({
  principal,
  ...facts
}: {
  principal: Principal;
  traceId: string;
  atMs: number;
  action: string;
  target: string;
  detail: AuditRecord["detail"];
}): AuditRecord {
  return {
    id: newId("audit"),
    projectId: principal.projectId,
    actor: principal.keyId ?? principal.kind,
    subjectId: principal.subjectId,
    outcome: "ok",
    estimated: false,
    costMicros: 0,
    verdicts: [],
    ...facts,
  };
}

export interface SpanRecord {
  spanId: string;
  parentSpanId: string | null;
  name: string;
  kind: "server" | "client" | "internal";
  startMs: number;
  endMs: number;
  status: "ok" | "error";
  attributes: Record<string, string | number | boolean | string[]>;
}

/** One row per trace, its spans inside. */
export interface TraceRecord {
  traceId: string;
  projectId: string;
  subjectId: string;
  startMs: number;
  endMs: number;
  spans: SpanRecord[];
}
