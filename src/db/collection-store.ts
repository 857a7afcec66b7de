import { and, asc, desc, eq, gt, sql } from "drizzle-orm";
import type { TimeCursor } from "../core/page-cursor.ts";
import { AppError } from "../core/errors.ts";
import type { AuditRecord } from "../core/records.ts";
import { insertPendingAudit } from "./audit-store.ts";
import { withDatabase, type Database } from "./client.ts";
import { isBefore } from "./is-before.ts";
import { collections, documents } from "./schema.ts";

export type CollectionRow = typeof collections.$inferSelect;
export type DocumentRow = typeof documents.$inferSelect;

export interface CollectionStore {
  /** Throws `conflict` when the name is taken. */
  insertCollection(row: CollectionRow, audit: AuditRecord): Promise<void>;
  findCollection(projectId: string, id: string): Promise<CollectionRow | null>;
  findCollectionByName(projectId: string, name: string): Promise<CollectionRow | null>;
  /** Newest first; `before` is where the page before ended. */
  listCollections(projectId: string, page: { limit: number; before: TimeCursor | null }): Promise<CollectionRow[]>;
  deleteCollection(projectId: string, id: string, audit: AuditRecord): Promise<void>;

  findDocument(projectId: string, collectionId: string, id: string): Promise<DocumentRow | null>;
  findDocumentByExternalId(projectId: string, collectionId: string, externalId: string): Promise<DocumentRow | null>;
  /** By id; `after` is the last id of the page before. */
  listDocuments(
    projectId: string,
    collectionId: string,
    page: { limit: number; after: string | null },
  ): Promise<DocumentRow[]>;
  /** Inserts, or replaces what an earlier version of the document left. */
  putDocument(row: DocumentRow, audit: AuditRecord): Promise<void>;
  deleteDocument(projectId: string, collectionId: string, id: string, audit: AuditRecord): Promise<void>;
}

export function createCollectionStore(db: Database): CollectionStore {
  const ownCollection = (projectId: string, id: string) =>
    and(eq(collections.projectId, projectId), eq(collections.id, id));
  const ownDocument = (projectId: string, collectionId: string, id: string) =>
    and(eq(documents.projectId, projectId), eq(documents.collectionId, collectionId), eq(documents.id, id));

  const findByName = async (projectId: string, name: string) => {
    const rows = await db
      .select()
      .from(collections)
      .where(and(eq(collections.projectId, projectId), eq(collections.name, name)));
    return rows[0] ?? null;
  };

  return {
    insertCollection: (row, audit) =>
      withDatabase(async () => {
        const taken = await findByName(row.projectId, row.name);
        if (taken !== null)
          throw new AppError("conflict", `There is a collection named ${row.name} already: ${taken.id}.`, {
            param: "name",
          });
        await db.batch([db.insert(collections).values(row), insertPendingAudit(db, audit)]);
      }),
    findCollection: (projectId, id) =>
      withDatabase(async () => (await db.select().from(collections).where(ownCollection(projectId, id)))[0] ?? null),
    findCollectionByName: (projectId, name) => withDatabase(() => findByName(projectId, name)),
    listCollections: (projectId, { limit, before }) =>
      withDatabase(() =>
        db
          .select()
          .from(collections)
          .where(
            and(
              eq(collections.projectId, projectId),
              isBefore({ at: collections.createdAtMs, id: collections.id }, before),
            ),
          )
          .orderBy(desc(collections.createdAtMs), desc(collections.id))
          .limit(limit),
      ),
    deleteCollection: (projectId, id, audit) =>
      withDatabase(async () => {
        await db.batch([
          db.delete(documents).where(and(eq(documents.projectId, projectId), eq(documents.collectionId, id))),
          db.delete(collections).where(ownCollection(projectId, id)),
          insertPendingAudit(db, audit),
        ]);
      }),
    findDocument: (projectId, collectionId, id) =>
      withDatabase(
        async () =>
          (
            await db
              .select()
              .from(documents)
              .where(ownDocument(projectId, collectionId, id))
          )[0] ?? null,
      ),
    findDocumentByExternalId: (projectId, collectionId, externalId) =>
      withDatabase(async () => {
        const rows = await db
          .select()
          .from(documents)
          .where(
            and(
              eq(documents.projectId, projectId),
              eq(documents.collectionId, collectionId),
              eq(documents.externalId, externalId),
            ),
          );
        return rows[0] ?? null;
      }),
    listDocuments: (projectId, collectionId, { limit, after }) =>
      withDatabase(() =>
        db
          .select()
          .from(documents)
          .where(
            and(
              eq(documents.projectId, projectId),
              eq(documents.collectionId, collectionId),
              after === null ? undefined : gt(documents.id, after),
            ),
          )
          .orderBy(asc(documents.id))
          .limit(limit),
      ),
    putDocument: (row, audit) =>
      withDatabase(async () => {
        const { title, contentType, contentHash, characters, chunks, updatedAtMs } = row;
        await db.batch([
          db
            .insert(documents)
            .values(row)
            .onConflictDoUpdate({
              target: [documents.collectionId, documents.externalId],
              set: { title, contentType, contentHash, characters, chunks, updatedAtMs },
              setWhere: sql`${documents.projectId} = ${row.projectId}`,
            }),
          insertPendingAudit(db, audit),
        ]);
      }),
    deleteDocument: (projectId, collectionId, id, audit) =>
      withDatabase(async () => {
        await db.batch([
          db.delete(documents).where(ownDocument(projectId, collectionId, id)),
          insertPendingAudit(db, audit),
        ]);
      }),
  };
}
