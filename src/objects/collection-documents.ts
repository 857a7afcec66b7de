import type { Chunk } from "../core/retrieval.ts";
import type { ChunkWrite, DocumentSummary, DocumentWrite, StoredDocument } from "../retrieval/collection-store.ts";
import { segmentForIndex } from "../retrieval/terms.ts";
import { insertWordsSql } from "./collection-schema.ts";

type ChunkRow = {
  id: string;
  document_id: string;
  title: string;
  ordinal: number;
  heading_path: string;
  table_header: string | null;
  text: string;
  start: number;
  end: number;
};

/** Documents and chunks of one collection, and the word index over them. Call its writes inside a transaction. */
export class CollectionDocuments {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  read(documentId: string): StoredDocument | null {
    const generation = this.generationOf(documentId);
    if (generation === 0) return null;
    const document = this.#sql
      .exec<{ content_hash: string }>("select content_hash from documents where id = ?", documentId)
      .toArray()[0];
    const chunks = this.#sql
      .exec<{ id: string; text_hash: string; vectorised: number }>(
        "select id, text_hash, vectorised from chunks where document_id = ? order by ordinal",
        documentId,
      )
      .toArray()
      .map((row) => ({ id: row.id, textHash: row.text_hash, vectorised: row.vectorised === 1 }));
    return { contentHash: document?.content_hash ?? null, generation, chunks };
  }

  /** 0 for a document that was never here. */
  generationOf(documentId: string): number {
    const row = this.#sql
      .exec<{ generation: number }>("select generation from generations where document_id = ?", documentId)
      .toArray()[0];
    return row?.generation ?? 0;
  }

  /** Makes the document what `write` says; answers the ids of chunks that are no more. */
  replace({ document, chunks, atMs }: DocumentWrite): string[] {
    const kept = new Set(chunks.map(({ id }) => id));
    const removed = this.chunkIdsOf(document.id).filter((id) => !kept.has(id));
    this.#removeRows(document.id);
    this.#sql.exec(
      "insert or replace into documents (id, title, content_hash, chunks, updated_at_ms) values (?, ?, ?, ?, ?)",
      document.id,
      document.title,
      document.contentHash,
      chunks.length,
      atMs,
    );
    this.#countGeneration(document.id);
    for (const chunk of chunks) this.#insert(document, chunk);
    return removed;
  }

  /** Answers the ids of the chunks that are no more, or `null` when there was no such document. */
  remove(documentId: string): string[] | null {
    const found = this.#sql.exec("delete from documents where id = ? returning id", documentId).toArray();
    if (found.length === 0) return null;
    const removed = this.chunkIdsOf(documentId);
    this.#removeRows(documentId);
    this.#countGeneration(documentId);
    return removed;
  }

  allIds(): string[] {
    return this.#sql
      .exec<{ id: string }>("select id from documents order by id")
      .toArray()
      .map(({ id }) => id);
  }

  list({ after, limit }: { after: string | null; limit: number }): DocumentSummary[] {
    return this.#sql
      .exec<{ id: string; title: string; content_hash: string; chunks: number; updated_at_ms: number }>(
        "select id, title, content_hash, chunks, updated_at_ms from documents where id > ? order by id limit ?",
        after ?? "",
        limit,
      )
      .toArray()
      .map((row) => ({
        id: row.id,
        title: row.title,
        contentHash: row.content_hash,
        chunks: row.chunks,
        updatedAtMs: row.updated_at_ms,
      }));
  }

  chunkIdsOf(documentId: string): string[] {
    return this.#sql
      .exec<{ id: string }>("select id from chunks where document_id = ?", documentId)
      .toArray()
      .map(({ id }) => id);
  }

  /** The chunks among `ids` that exist, in the order asked: the authoritative join after every search. */
  readChunks(ids: readonly string[]): Chunk[] {
    const rows = this.#sql
      .exec<ChunkRow>(
        `select c.id, c.document_id, d.title, c.ordinal, c.heading_path, c.table_header, c.text, c.start, c."end"
         from json_each(?) wanted join chunks c on c.id = wanted.value join documents d on d.id = c.document_id
         order by wanted.key`,
        JSON.stringify(ids),
      )
      .toArray();
    return rows.map(toChunk);
  }

  #insert(document: DocumentWrite["document"], chunk: ChunkWrite): void {
    const { seq } = this.#sql
      .exec<{ seq: number }>(
        `insert into chunks (id, document_id, ordinal, text_hash, vectorised, heading_path, table_header, text, start, "end")
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning seq`,
        chunk.id,
        document.id,
        chunk.ordinal,
        chunk.textHash,
        chunk.vectorised ? 1 : 0,
        JSON.stringify(chunk.headingPath),
        chunk.tableHeader === undefined ? null : JSON.stringify(chunk.tableHeader),
        chunk.text,
        chunk.start,
        chunk.end,
      )
      .one();
    const heading = [document.title, ...chunk.headingPath, ...(chunk.tableHeader ?? [])].join("\n");
    this.#sql.exec(insertWordsSql, seq, segmentForIndex(heading), segmentForIndex(chunk.text));
  }

  #removeRows(documentId: string): void {
    this.#sql.exec("delete from words where rowid in (select seq from chunks where document_id = ?)", documentId);
    this.#sql.exec("delete from chunks where document_id = ?", documentId);
  }

  #countGeneration(documentId: string): void {
    this.#sql.exec(
      `insert into generations (document_id, generation) values (?, 1)
       on conflict (document_id) do update set generation = generation + 1`,
      documentId,
    );
  }
}

function toChunk(row: ChunkRow): Chunk {
  const chunk: Chunk = {
    id: row.id,
    documentId: row.document_id,
    documentTitle: row.title,
    ordinal: row.ordinal,
    // Written by `#insert` above as an array of strings.
    headingPath: JSON.parse(row.heading_path) as string[],
    text: row.text,
    start: row.start,
    end: row.end,
  };
  if (row.table_header !== null) chunk.tableHeader = JSON.parse(row.table_header) as string[]; // as above
  return chunk;
}
