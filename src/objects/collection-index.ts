import { DurableObject } from "cloudflare:workers";
import type { Chunk } from "../core/retrieval.ts";
import type {
  CollectionHits,
  CollectionSearch,
  CollectionStore,
  DeleteOutcome,
  DocumentSummary,
  DocumentWrite,
  PutOutcome,
  StoredDocument,
} from "../retrieval/collection-store.ts";
import { CollectionDocuments } from "./collection-documents.ts";
import { collectionSchema } from "./collection-schema.ts";
import { searchRows } from "./collection-search.ts";
import { CollectionVectors } from "./collection-vectors.ts";

/**
 * Text, word index and vector ledger of one collection, named `project/collection`: no other tenant's words count in its ranking.
 * What it does not hold cannot be found, so a deletion is visible at once, whatever the vector index still returns.
 */
export class CollectionIndex extends DurableObject<Env> implements CollectionStore {
  readonly #documents: CollectionDocuments;
  readonly #vectors: CollectionVectors;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#migrate();
    this.#documents = new CollectionDocuments(ctx.storage.sql);
    this.#vectors = new CollectionVectors(ctx.storage.sql);
  }

  async readDocument(documentId: string): Promise<StoredDocument | null> {
    return this.#documents.read(documentId);
  }

  async putDocument(write: DocumentWrite): Promise<PutOutcome> {
    return this.ctx.storage.transactionSync((): PutOutcome => {
      if (this.#documents.generationOf(write.document.id) !== write.expectedGeneration) return { outcome: "conflict" };
      const removed = this.#documents.replace(write);
      this.#vectors.addStale(removed);
      if (write.vectors !== null) this.#vectors.addPending(write.vectors);
      return { outcome: "stored", removed: removed.length };
    });
  }

  async deleteDocument(documentId: string): Promise<DeleteOutcome> {
    return this.ctx.storage.transactionSync(() => this.#remove([documentId]));
  }

  async deleteAllDocuments(): Promise<DeleteOutcome> {
    return this.ctx.storage.transactionSync(() => this.#remove(this.#documents.allIds()));
  }

  async listStaleVectors(limit: number): Promise<string[]> {
    return this.#vectors.listStale(limit);
  }

  async forgetStaleVectors(ids: string[]): Promise<void> {
    this.#vectors.forgetStale(ids);
  }

  async readChunks(ids: string[]): Promise<Chunk[]> {
    return this.#documents.readChunks(ids);
  }

  async listDocuments(page: { after: string | null; limit: number }): Promise<DocumentSummary[]> {
    return this.#documents.list(page);
  }

  async search(request: CollectionSearch): Promise<CollectionHits> {
    if (request.progress !== null && this.#vectors.hasPending()) this.#vectors.settle(request.progress);
    return searchRows({ sql: this.ctx.storage.sql, documents: this.#documents, vectors: this.#vectors }, request);
  }

  #remove(documentIds: readonly string[]): DeleteOutcome {
    let documents = 0;
    for (const documentId of documentIds) {
      const removed = this.#documents.remove(documentId);
      if (removed === null) continue;
      documents += 1;
      this.#vectors.addStale(removed);
    }
    return { documents };
  }

  #migrate(): void {
    const { sql, kv } = this.ctx.storage;
    const done = kv.get<number>("schema") ?? 0;
    if (done >= collectionSchema.length) return;
    this.ctx.storage.transactionSync(() => {
      for (const step of collectionSchema.slice(done)) sql.exec(step);
      kv.put("schema", collectionSchema.length);
    });
  }
}
