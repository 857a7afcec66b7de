import type { CollectionStore } from "./collection-store.ts";
import { maxDeleteIds, type VectorIndex } from "./vector-index.ts";

export interface RemoveDeps {
  collection: CollectionStore;
  vectors: VectorIndex;
}

/** Removes a document: invisible when this returns, even where its vectors outlive it for a while. False when there was none. */
export async function removeDocument(deps: RemoveDeps, documentId: string): Promise<boolean> {
  const { documents } = await deps.collection.deleteDocument(documentId);
  await removeStaleVectors(deps);
  return documents > 0;
}

/** Removes every document of a collection; answers how many there were. */
export async function removeAllDocuments(deps: RemoveDeps): Promise<number> {
  const { documents } = await deps.collection.deleteAllDocuments();
  await removeStaleVectors(deps);
  return documents;
}

/**
 * Deletes from the vector index what the collection no longer holds. What fails is kept on the list for the next write: a vector
 * without a chunk cannot be found, it only takes a place among the candidates. Answers whether the list is empty.
 */
export async function removeStaleVectors({ collection, vectors }: RemoveDeps): Promise<boolean> {
  for (;;) {
    const ids = await collection.listStaleVectors(maxDeleteIds);
    if (ids.length === 0) return true;
    try {
      await vectors.deleteByIds(ids);
    } catch {
      return false;
    }
    await collection.forgetStaleVectors(ids);
  }
}
