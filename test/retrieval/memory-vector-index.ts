import type { VectorIndex, VectorQueryOptions, VectorRecord } from "../../src/retrieval/vector-index.ts";

/** A vector index that shows what it accepted only once it is told to, and records how it was called. */
export class MemoryVectorIndex implements VectorIndex {
  readonly calls: { upserts: number[]; deletions: number[] } = { upserts: [], deletions: [] };
  readonly #visible = new Map<string, VectorRecord>();
  #accepted: { mutationId: string; apply: () => void }[] = [];
  #processed = { atMs: 0, mutationId: "none" };
  #failing: ReadonlySet<keyof VectorIndex> = new Set();
  #mutations = 0;

  fail(...operations: (keyof VectorIndex)[]): void {
    this.#failing = new Set(operations);
  }

  /** Makes everything accepted so far visible, as at `atMs`. */
  process(atMs: number): void {
    for (const { apply, mutationId } of this.#accepted) {
      apply();
      this.#processed = { atMs, mutationId };
    }
    this.#accepted = [];
  }

  ids(): string[] {
    return [...this.#visible.keys()];
  }

  async describe() {
    this.#check("describe");
    return {
      processedUpToDatetime: new Date(this.#processed.atMs).toISOString(),
      processedUpToMutation: this.#processed.mutationId,
    };
  }

  async query(vector: number[], { topK, namespace, filter }: VectorQueryOptions) {
    this.#check("query");
    const matches = [...this.#visible.values()]
      .filter((record) => record.namespace === namespace && record.metadata.collection === filter.collection)
      .map(({ id, values }) => ({
        id,
        score: values.reduce((sum, value, index) => sum + value * (vector[index] ?? 0), 0),
      }))
      .sort((a, b) => b.score - a.score);
    return { matches: matches.slice(0, topK) };
  }

  async upsert(vectors: VectorRecord[]) {
    this.#check("upsert");
    this.calls.upserts.push(vectors.length);
    return this.#accept(() => {
      for (const record of vectors) this.#visible.set(record.id, record);
    });
  }

  async deleteByIds(ids: string[]) {
    this.#check("deleteByIds");
    this.calls.deletions.push(ids.length);
    return this.#accept(() => {
      for (const id of ids) this.#visible.delete(id);
    });
  }

  #accept(apply: () => void) {
    this.#mutations += 1;
    const mutationId = `mutation-${this.#mutations}`;
    this.#accepted.push({ mutationId, apply });
    return { mutationId };
  }

  #check(operation: keyof VectorIndex): void {
    if (this.#failing.has(operation)) throw new Error("VECTOR_QUERY_ERROR (code = 10000): out of order");
  }
}
