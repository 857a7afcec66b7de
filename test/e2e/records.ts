import { z } from "zod";
import { until } from "../support/until.ts";
import { send, type Caller } from "./api.ts";

/** Rows leave a meter a quarter of a second after the answer, and pass a collector: never at once, always soon. */
const recordsTimeoutMs = 8_000;

const auditPage = z.object({
  data: z.array(
    z.object({
      seq: z.int(),
      record: z.object({
        actor: z.string(),
        action: z.string(),
        target: z.string().nullable(),
        outcome: z.string(),
        estimated: z.boolean(),
        costMicros: z.int(),
        subjectId: z.string(),
        traceId: z.string(),
        verdicts: z.array(
          z.object({ guardrail: z.string(), stage: z.string(), action: z.string(), rules: z.array(z.string()) }),
        ),
        detail: z.record(z.string(), z.unknown()),
      }),
    }),
  ),
});
export type AuditRow = z.infer<typeof auditPage>["data"][number]["record"];

export async function listAudit(reader: Caller, query: Record<string, string>): Promise<AuditRow[]> {
  const reply = await send(reader, "GET", `/v1/audit?${new URLSearchParams({ limit: "100", ...query })}`);
  if (reply.status !== 200) throw new Error(`no audit log: ${reply.status} ${reply.text}`);
  return auditPage.parse(reply.json).data.map(({ record }) => record);
}

/** The request's audit row, once it is there. A change leaves a row of its own beside it. */
export function auditOf(reader: Caller, traceId: string, action?: string): Promise<AuditRow> {
  return until(
    async () => {
      const rows = await listAudit(reader, { trace_id: traceId });
      return rows.find((row) => action === undefined || row.action === action) ?? null;
    },
    { timeoutMs: recordsTimeoutMs, what: `the trace ${traceId} has an audit row ${action ?? ""}` },
  );
}

const usageReport = z.object({
  data: z.array(
    z.object({
      group: z.record(z.string(), z.string().nullable()),
      calls: z.int(),
      failed_calls: z.int(),
      input_tokens: z.int(),
      output_tokens: z.int(),
      cost_micros: z.int(),
      estimated_calls: z.int(),
    }),
  ),
});
export type UsageRow = z.infer<typeof usageReport>["data"][number];

export async function listUsage(reader: Caller, query: Record<string, string>): Promise<UsageRow[]> {
  const reply = await send(reader, "GET", `/v1/usage?${new URLSearchParams(query)}`);
  if (reply.status !== 200) throw new Error(`no usage: ${reply.status} ${reply.text}`);
  return usageReport.parse(reply.json).data;
}

/** A key's usage in one row, once it counts `calls` calls. */
export function usageOfKey(reader: Caller, keyId: string, calls: number): Promise<UsageRow> {
  return until(
    async () => {
      const [row] = await listUsage(reader, { key: keyId, group_by: "key" });
      return row !== undefined && row.calls >= calls ? row : null;
    },
    { timeoutMs: recordsTimeoutMs, what: `the key ${keyId} has ${calls} calls` },
  );
}

const traceBody = z.object({
  id: z.string(),
  subject_id: z.string(),
  spans: z.array(
    z.object({
      span_id: z.string(),
      parent_span_id: z.string().nullable(),
      name: z.string(),
      kind: z.string(),
      status: z.string(),
      attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
    }),
  ),
});

export function traceOf(reader: Caller, traceId: string): Promise<z.infer<typeof traceBody>> {
  return until(
    async () => {
      const reply = await send(reader, "GET", `/v1/traces/${traceId}`);
      return reply.status === 200 ? traceBody.parse(reply.json) : null;
    },
    { timeoutMs: recordsTimeoutMs, what: `there is a trace ${traceId}` },
  );
}
