import { and, asc, desc, eq, gt, lt, lte, sql } from "drizzle-orm";
import type { ChainedRecord, ChainHead } from "../core/chain.ts";
import type { AuditRecord } from "../core/records.ts";
import { withDatabase, type Database } from "./client.ts";
import { audit, auditOutbox } from "./schema.ts";

export interface AuditStore {
  /** Writes chained rows once each, however often they are sent. Fails when another row has taken the place of one. */
  insertChained(projectId: string, entries: ChainedRecord[]): Promise<void>;
  /** In the order of the chain, after `afterSeq`. */
  readChain(projectId: string, page: { afterSeq: number; limit: number }): Promise<ChainedRecord[]>;
  /** Newest first; `beforeSeq` is the last sequence of the page before. */
  listAudit(projectId: string, page: AuditPage): Promise<ChainedRecord[]>;
  readHead(projectId: string): Promise<ChainHead | null>;
  /** Administrative rows not yet chained, oldest first. */
  readPending(projectId: string, limit: number): Promise<{ seq: number; record: AuditRecord }[]>;
  deletePending(projectId: string, upToSeq: number): Promise<void>;
  countPending(projectId: string): Promise<number>;
}

export interface AuditPage {
  limit: number;
  beforeSeq: number | null;
  traceId: string | null;
  action: string | null;
}

/** The statement that leaves an audit row with the change it records, in one `db.batch`. */
export function insertPendingAudit(db: Database, record: AuditRecord) {
  return db.insert(auditOutbox).values({ projectId: record.projectId, record: JSON.stringify(record) });
}

export function createAuditStore(db: Database): AuditStore {
  const toChained = (row: typeof audit.$inferSelect): ChainedRecord => ({
    seq: row.seq,
    previousHash: row.previousHash,
    hash: row.hash,
    // Written by insertChained from an AuditRecord; the chain's hash tells whether anybody changed it since.
    // The columns that lists filter by are part of what is hashed, so an edit of either shows.
    record: {
      ...(JSON.parse(row.record) as AuditRecord),
      id: row.id,
      atMs: row.atMs,
      action: row.action,
      traceId: row.traceId,
    },
  });

  return {
    insertChained: (projectId, entries) =>
      withDatabase(async () => {
        const rows = entries.map((entry) => ({
          seq: entry.seq,
          id: entry.record.id,
          atMs: entry.record.atMs,
          action: entry.record.action,
          traceId: entry.record.traceId,
          record: JSON.stringify(entry.record),
          previousHash: entry.previousHash,
          hash: entry.hash,
        }));
        // One bound parameter however many rows: D1 takes 100.
        await db.run(sql`
          insert into audit (project_id, seq, id, at_ms, action, trace_id, record, previous_hash, hash)
          select ${projectId}, value ->> 'seq', value ->> 'id', value ->> 'atMs', value ->> 'action', value ->> 'traceId',
                 value ->> 'record', value ->> 'previousHash', value ->> 'hash'
          from json_each(${JSON.stringify(rows)}) where true
          on conflict(id) do nothing`);
      }),
    readChain: (projectId, { afterSeq, limit }) =>
      withDatabase(async () => {
        const rows = await db
          .select()
          .from(audit)
          .where(and(eq(audit.projectId, projectId), gt(audit.seq, afterSeq)))
          .orderBy(asc(audit.seq))
          .limit(limit);
        return rows.map(toChained);
      }),
    listAudit: (projectId, { limit, beforeSeq, traceId, action }) =>
      withDatabase(async () => {
        const rows = await db
          .select()
          .from(audit)
          .where(
            and(
              eq(audit.projectId, projectId),
              beforeSeq === null ? undefined : lt(audit.seq, beforeSeq),
              traceId === null ? undefined : eq(audit.traceId, traceId),
              action === null ? undefined : eq(audit.action, action),
            ),
          )
          .orderBy(desc(audit.seq))
          .limit(limit);
        return rows.map(toChained);
      }),
    readHead: (projectId) =>
      withDatabase(async () => {
        const rows = await db
          .select({ seq: audit.seq, hash: audit.hash })
          .from(audit)
          .where(eq(audit.projectId, projectId))
          .orderBy(desc(audit.seq))
          .limit(1);
        return rows[0] ?? null;
      }),
    readPending: (projectId, limit) =>
      withDatabase(async () => {
        const rows = await db
          .select()
          .from(auditOutbox)
          .where(eq(auditOutbox.projectId, projectId))
          .orderBy(asc(auditOutbox.seq))
          .limit(limit);
        // Written by insertPendingAudit from an AuditRecord.
        return rows.map((row) => ({ seq: row.seq, record: JSON.parse(row.record) as AuditRecord }));
      }),
    deletePending: (projectId, upToSeq) =>
      withDatabase(async () => {
        await db.delete(auditOutbox).where(and(eq(auditOutbox.projectId, projectId), lte(auditOutbox.seq, upToSeq)));
      }),
    countPending: (projectId) => withDatabase(() => db.$count(auditOutbox, eq(auditOutbox.projectId, projectId))),
  };
}
