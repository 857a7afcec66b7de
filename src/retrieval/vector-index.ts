/** The part of Vectorize that retrieval uses: the real binding and the local simulator both fit it. */
export interface VectorIndex {
  describe(): Promise<{ processedUpToDatetime: string | number; processedUpToMutation: string | number }>;
  query(vector: number[], options: VectorQueryOptions): Promise<{ matches: { id: string; score: number }[] }>;
  upsert(vectors: VectorRecord[]): Promise<{ mutationId: string }>;
  deleteByIds(ids: string[]): Promise<{ mutationId: string }>;
}

export interface VectorQueryOptions {
  topK: number;
  namespace: string;
  filter: { collection: string };
  returnMetadata: "none";
  returnValues: false;
}

export interface VectorRecord {
  /** The chunk's id: at most 64 bytes. */
  id: string;
  values: number[];
  /** The project: at most 64 bytes, applied before the search. */
  namespace: string;
  /** Ids to filter by only: text lives in the collection's own index. */
  metadata: { collection: string; document: string };
}

/** How far the index has come with what it accepted. */
export interface VectorProgress {
  processedUpToMs: number;
  processedUpToMutation: string;
}

/** Vectorize takes at most this many vectors an upsert. */
export const maxUpsertVectors = 1000;
/** Undocumented: a longer list is rejected as a whole (error 40007). */
export const maxDeleteIds = 100;
/** The largest topK of a query that returns neither values nor metadata. */
export const maxTopK = 100;

/** Reads `describe`; the documentation says ISO 8601, the type says number: both occur. */
export async function readProgress(index: VectorIndex): Promise<VectorProgress> {
  const { processedUpToDatetime, processedUpToMutation } = await index.describe();
  const processedUpToMs = new Date(processedUpToDatetime).getTime();
  return {
    processedUpToMs: Number.isFinite(processedUpToMs) ? processedUpToMs : 0,
    processedUpToMutation: String(processedUpToMutation),
  };
}
