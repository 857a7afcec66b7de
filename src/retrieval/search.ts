import type { CollectionHits, CollectionStore } from "./collection-store.ts";
import { embedAll, type Embed } from "./embed.ts";
import type { ScoredId } from "./fuse.ts";
import type { RetrievalQuery } from "./query.ts";
import { maxTopK, readProgress, type VectorIndex, type VectorProgress } from "./vector-index.ts";

export interface SearchDeps {
  collection: CollectionStore;
  vectors: VectorIndex;
  embed: Embed;
}

export interface SearchRequest {
  projectId: string;
  collectionId: string;
  query: RetrievalQuery;
  limit: number;
  /** The share of the vector score in the fused one, 0 to 1; a collection may have its own. */
  vectorWeight?: number;
}

/** Even shares: the best fixed weight when nothing is known of the collection and the embedding model. */
const defaultVectorWeight = 0.5;

interface VectorSide {
  queryVector: number[] | null;
  matches: ScoredId[] | null;
  progress: VectorProgress | null;
}

const noVectors: VectorSide = { queryVector: null, matches: null, progress: null };

/**
 * Searches a collection by words and by vectors, fused. An embedding model or a vector index that is out of reach leaves the words
 * alone, and `degraded` says so. The collection itself must answer: text, and what may be read, are there.
 */
export async function searchCollection(deps: SearchDeps, request: SearchRequest): Promise<CollectionHits> {
  const { query, limit, vectorWeight = defaultVectorWeight } = request;
  const side = query.text === "" ? noVectors : await searchVectors(deps, request);
  return deps.collection.search({
    lexical: query.lexical,
    vectorMatches: side.matches,
    queryVector: side.queryVector,
    progress: side.progress,
    words: query.terms.map(({ word }) => word),
    limit,
    vectorWeight,
  });
}

async function searchVectors(
  { embed, vectors }: SearchDeps,
  { projectId, collectionId, query }: SearchRequest,
): Promise<VectorSide> {
  // The progress is read before the query: what is processed between the two is searched twice rather than not at all.
  const [embedded, progress] = await Promise.all([
    embedAll(embed, [query.text]),
    readProgress(vectors).catch(() => null),
  ]);
  const queryVector = embedded?.[0] ?? null;
  if (queryVector === null || progress === null) return noVectors;
  try {
    const { matches } = await vectors.query(queryVector, {
      topK: maxTopK,
      namespace: projectId,
      filter: { collection: collectionId },
      returnMetadata: "none",
      returnValues: false,
    });
    return { queryVector, matches: matches.map(({ id, score }) => ({ id, score })), progress };
  } catch {
    return noVectors;
  }
}
