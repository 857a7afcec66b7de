import type { PendingVectors } from "../retrieval/collection-store.ts";
import type { ScoredId } from "../retrieval/fuse.ts";
import { cosineSimilarity, sliceVector } from "../retrieval/pack-vectors.ts";
import type { VectorProgress } from "../retrieval/vector-index.ts";

/** Our clock and the index's need not agree: a vector is searched here for this much longer than the index says. */
const clockMarginMs = 2_000;

/** What the vector index has accepted but not shown yet, and what it still holds although it is gone. */
export class CollectionVectors {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  addPending({ chunkIds, bytes, dimensions, mutationId, submittedAtMs }: PendingVectors): void {
    for (const [index, chunkId] of chunkIds.entries()) {
      this.#sql.exec(
        "insert or replace into pending_vectors (chunk_id, vector, mutation_id, submitted_at_ms) values (?, ?, ?, ?)",
        chunkId,
        sliceVector({ bytes, dimensions }, index),
        mutationId,
        submittedAtMs,
      );
    }
  }

  /** Forgets pending vectors that the index shows by now: it has passed their time, or their mutation was its last. */
  settle({ processedUpToMs, processedUpToMutation }: VectorProgress): void {
    const last = this.#sql
      .exec<{ at_ms: number | null }>(
        "select max(submitted_at_ms) at_ms from pending_vectors where mutation_id = ?",
        processedUpToMutation,
      )
      .one().at_ms;
    const settledUpTo = Math.max(processedUpToMs - clockMarginMs, last ?? 0);
    this.#sql.exec("delete from pending_vectors where submitted_at_ms <= ?", settledUpTo);
  }

  hasPending(): boolean {
    return this.#sql.exec("select 1 from pending_vectors limit 1").toArray().length > 0;
  }

  searchPending(queryVector: readonly number[]): ScoredId[] {
    const scored: ScoredId[] = [];
    for (const row of this.#sql.exec<{ chunk_id: string; vector: ArrayBuffer }>(
      "select chunk_id, vector from pending_vectors",
    )) {
      scored.push({ id: row.chunk_id, score: cosineSimilarity(queryVector, row.vector) });
    }
    return scored;
  }

  /** Marks the vectors of chunks that are no more. */
  addStale(ids: readonly string[]): void {
    const list = JSON.stringify(ids);
    this.#sql.exec("delete from pending_vectors where chunk_id in (select value from json_each(?))", list);
    this.#sql.exec("insert or ignore into stale_vectors (chunk_id) select value from json_each(?)", list);
  }

  listStale(limit: number): string[] {
    return this.#sql
      .exec<{ chunk_id: string }>("select chunk_id from stale_vectors order by chunk_id limit ?", limit)
      .toArray()
      .map(({ chunk_id }) => chunk_id);
  }

  forgetStale(ids: readonly string[]): void {
    this.#sql.exec("delete from stale_vectors where chunk_id in (select value from json_each(?))", JSON.stringify(ids));
  }
}
