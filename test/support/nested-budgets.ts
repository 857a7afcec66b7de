import { env } from "cloudflare:workers";
import { newId } from "../../src/core/ids.ts";
import type { Admission, AdmitRequest, Limits, Settlement } from "../../src/core/meter.ts";
import { budgets } from "../../src/db/schema.ts";
import { openDatabase } from "../../src/db/client.ts";
import type { UsageRecord } from "../../src/core/records.ts";
import { auditRecord, usageRecord } from "./records.ts";

type Kind = (typeof budgets.$inferSelect)["kind"];

/** A project of its own, so that no test sees another's budgets. */
export function newProject(): string {
  return newId("project");
}

export async function setBudget(projectId: string, kind: Kind, target: string, limits: Partial<Limits>): Promise<void> {
  const row = {
    requestsPerMinute: null,
    tokensPerMinute: null,
    dailyBudgetMicros: null,
    monthlyBudgetMicros: null,
    ...limits,
  };
  const nowMs = Date.now();
  await openDatabase(env.DB)
    .insert(budgets)
    .values({ id: newId("budget"), projectId, kind, target, ...row, createdAtMs: nowMs, updatedAtMs: nowMs })
    .onConflictDoUpdate({ target: [budgets.projectId, budgets.kind, budgets.target], set: row });
}

export function meterOf(projectId: string, subjectId: string) {
  return env.METER.getByName(`${projectId}/${subjectId}`);
}

export function allowanceOf(projectId: string, kind: "project" | "key" | "feature", target = "") {
  return env.ALLOWANCE.getByName(`${projectId}/${kind}/${target}`);
}

export interface Subject {
  projectId: string;
  subjectId: string;
}

export interface Asked {
  holdId: string;
  usageId: string;
  admission: Admission;
}

export async function ask(
  { projectId, subjectId }: Subject,
  costMicros: number,
  more: Partial<AdmitRequest> = {},
): Promise<Asked> {
  const holdId = newId("hold");
  const usage = usageRecord({ projectId, subjectId, costMicros: 0 });
  const draft = { audit: auditRecord({ projectId, subjectId, actor: more.keyId ?? "admin" }), usage };
  const admission = await meterOf(projectId, subjectId).admit({
    holdId,
    keyId: null,
    traceId: draft.audit.traceId,
    draft,
    bound: { costMicros, tokens: 15 },
    ...more,
  });
  return { holdId, usageId: usage.id, admission };
}

export function settlementOf(
  { projectId, subjectId }: Subject,
  costMicros: number,
  more: Partial<UsageRecord> = {},
): Settlement {
  return {
    costMicros,
    tokens: 15,
    usage: [usageRecord({ projectId, subjectId, costMicros, ...more })],
    audit: auditRecord({ projectId, subjectId, costMicros }),
    trace: null,
  };
}

export async function settle(
  subject: Subject,
  { holdId, usageId }: Asked,
  costMicros: number,
  more: Partial<UsageRecord> = {},
): Promise<void> {
  const { projectId, subjectId } = subject;
  await meterOf(projectId, subjectId).settle(holdId, settlementOf(subject, costMicros, { id: usageId, ...more }));
}
