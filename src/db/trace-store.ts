import { and, eq, sql } from "drizzle-orm";
import type { SpanRecord, TraceRecord } from "../core/records.ts";
import { withDatabase, type Database } from "./client.ts";
import { traces } from "./schema.ts";

export interface TraceStore {
  /** Writes rows once each, however often they are sent. */
  insertTraces(rows: TraceRecord[]): Promise<void>;
  findTrace(projectId: string, traceId: string): Promise<TraceRecord | null>;
}

export function createTraceStore(db: Database): TraceStore {
  return {
    insertTraces: (rows) =>
      withDatabase(async () => {
        await db.run(sql`
          insert into traces (id, project_id, subject_id, start_ms, end_ms, spans)
          select value ->> 'traceId', value ->> 'projectId', value ->> 'subjectId', value ->> 'startMs', value ->> 'endMs',
            value -> 'spans'
          from json_each(${JSON.stringify(rows)}) where true
          on conflict(id) do nothing`);
      }),
    findTrace: (projectId, traceId) =>
      withDatabase(async () => {
        const rows = await db
          .select()
          .from(traces)
          .where(and(eq(traces.projectId, projectId), eq(traces.id, traceId)));
        const row = rows[0];
        if (row === undefined) return null;
        // Written by insertTraces from SpanRecords.
        const spans = JSON.parse(row.spans) as SpanRecord[];
        return {
          traceId: row.id,
          projectId: row.projectId,
          subjectId: row.subjectId,
          startMs: row.startMs,
          endMs: row.endMs,
          spans,
        };
      }),
  };
}
