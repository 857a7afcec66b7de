import { newId, newTraceId } from "../../src/core/ids.ts";
import type { AuditRecord, UsageRecord } from "../../src/core/records.ts";

/** Rows as a request makes them; a test says only what it is about. */
export function auditRecord(more: Partial<AuditRecord> = {}): AuditRecord {
  return {
    id: newId("audit"),
    atMs: Date.now(),
    projectId: "prj_default",
    actor: "admin",
    subjectId: "sub_test",
    traceId: newTraceId(),
    action: "test",
    target: null,
    outcome: "ok",
    estimated: false,
    costMicros: 0,
    verdicts: [],
    detail: {},
    ...more,
  };
}

export function usageRecord(more: Partial<UsageRecord> = {}): UsageRecord {
  return {
    id: newId("usage"),
    atMs: Date.now(),
    projectId: "prj_default",
    keyId: null,
    subjectId: "sub_test",
    traceId: newTraceId(),
    operation: "chat",
    provider: "scripted",
    model: "ok",
    tier: null,
    feature: null,
    task: null,
    agent: null,
    promptName: null,
    promptVersion: null,
    promptHash: null,
    inputTokens: 10,
    cachedInputTokens: 0,
    cacheWriteInputTokens: 0,
    outputTokens: 5,
    reasoningTokens: 0,
    costMicros: 100,
    estimated: false,
    durationMs: 1,
    timeToFirstTokenMs: null,
    outputHash: null,
    outcome: "ok",
    ...more,
  };
}
