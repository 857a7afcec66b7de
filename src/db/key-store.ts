import { and, desc, eq, isNull } from "drizzle-orm";
import type { TimeCursor } from "../core/page-cursor.ts";
import type { AuditRecord } from "../core/records.ts";
import { insertPendingAudit } from "./audit-store.ts";
import { withDatabase, type Database } from "./client.ts";
import { isBefore } from "./is-before.ts";
import { keys } from "./schema.ts";

export type KeyRow = typeof keys.$inferSelect;

export interface KeyStore {
  insertKey(row: KeyRow, audit: AuditRecord): Promise<void>;
  findKey(projectId: string, id: string): Promise<KeyRow | null>;
  /** The youngest of a line of rotations. */
  findNewestOfRoot(projectId: string, rootId: string): Promise<KeyRow | null>;
  /** Newest first; `before` is where the page before ended. */
  listKeys(projectId: string, page: { limit: number; before: TimeCursor | null }): Promise<KeyRow[]>;
  /** False when there is no such live key. */
  revokeKey(projectId: string, id: string, atMs: number, audit: AuditRecord): Promise<boolean>;
  /** Inserts the successor and lets the old key expire at `oldExpiresAtMs`, in one batch. */
  rotateKey(successor: KeyRow, old: { id: string; expiresAtMs: number }, audit: AuditRecord): Promise<void>;
}

export function createKeyStore(db: Database): KeyStore {
  return {
    insertKey: (row, audit) =>
      withDatabase(async () => {
        await db.batch([db.insert(keys).values(row), insertPendingAudit(db, audit)]);
      }),
    findKey: (projectId, id) =>
      withDatabase(async () => {
        const rows = await db
          .select()
          .from(keys)
          .where(and(eq(keys.projectId, projectId), eq(keys.id, id)));
        return rows[0] ?? null;
      }),
    findNewestOfRoot: (projectId, rootId) =>
      withDatabase(async () => {
        const rows = await db
          .select()
          .from(keys)
          .where(and(eq(keys.projectId, projectId), eq(keys.rootId, rootId)))
          .orderBy(desc(keys.createdAtMs), desc(keys.id))
          .limit(1);
        return rows[0] ?? null;
      }),
    listKeys: (projectId, { limit, before }) =>
      withDatabase(() =>
        db
          .select()
          .from(keys)
          .where(and(eq(keys.projectId, projectId), isBefore({ at: keys.createdAtMs, id: keys.id }, before)))
          .orderBy(desc(keys.createdAtMs), desc(keys.id))
          .limit(limit),
      ),
    revokeKey: (projectId, id, atMs, audit) =>
      withDatabase(async () => {
        const live = and(eq(keys.projectId, projectId), eq(keys.id, id), isNull(keys.revokedAtMs));
        const found = await db.select({ id: keys.id }).from(keys).where(live);
        if (found.length === 0) return false;
        await db.batch([db.update(keys).set({ revokedAtMs: atMs }).where(live), insertPendingAudit(db, audit)]);
        return true;
      }),
    rotateKey: (successor, old, audit) =>
      withDatabase(async () => {
        await db.batch([
          db.insert(keys).values(successor),
          db
            .update(keys)
            .set({ expiresAtMs: old.expiresAtMs })
            .where(and(eq(keys.projectId, successor.projectId), eq(keys.id, old.id))),
          insertPendingAudit(db, audit),
        ]);
      }),
  };
}
