import type { CollectionHits, CollectionSearch, WordStatistics } from "../retrieval/collection-store.ts";
import { fuseByScore, type FusedId, type ScoredId } from "../retrieval/fuse.ts";
import { toMatchExpression } from "../retrieval/query.ts";
import type { CollectionDocuments } from "./collection-documents.ts";
import { lexicalSearchSql } from "./collection-schema.ts";
import type { CollectionVectors } from "./collection-vectors.ts";

/** How many lexical candidates are fused. */
const lexicalCandidates = 100;
/** Words beyond this are not counted: each costs a look at its posting list. */
const maxCountedWords = 64;

export interface CollectionParts {
  sql: SqlStorage;
  documents: CollectionDocuments;
  vectors: CollectionVectors;
}

/** Both searches, fused; what the vector index names counts only if its chunk exists here. */
export function searchRows(parts: CollectionParts, request: CollectionSearch): CollectionHits {
  const degraded = request.vectorMatches === null || request.queryVector === null;
  const lexical = lexicalMatches(parts.sql, request.lexical);
  const vector = degraded ? [] : vectorMatches(parts, request);
  const fused = fuseByScore({ lexical, vector, vectorWeight: request.vectorWeight }).slice(0, request.limit);
  return { hits: join(parts.documents, fused), degraded, statistics: countWords(parts.sql, request.words) };
}

function lexicalMatches(sql: SqlStorage, match: string | null): ScoredId[] {
  if (match === null) return [];
  return sql
    .exec<{ id: string; score: number }>(
      `select c.id, found.score from (${lexicalSearchSql}) found join chunks c on c.seq = found.seq order by found.score desc`,
      match,
      lexicalCandidates,
    )
    .toArray();
}

function vectorMatches(
  { sql, vectors }: CollectionParts,
  { vectorMatches: indexed, queryVector }: CollectionSearch,
): ScoredId[] {
  const scores = new Map((indexed ?? []).map(({ id, score }) => [id, score]));
  if (queryVector !== null && vectors.hasPending()) {
    for (const { id, score } of vectors.searchPending(queryVector)) scores.set(id, score);
  }
  // Before the normalisation: a deleted chunk must not set the scale for those that are left.
  const existing = sql
    .exec<{ id: string }>(
      "select c.id from json_each(?) m join chunks c on c.id = m.value",
      JSON.stringify([...scores.keys()]),
    )
    .toArray();
  return existing.map(({ id }) => ({ id, score: scores.get(id) ?? 0 }));
}

function join(documents: CollectionDocuments, fused: readonly FusedId[]): CollectionHits["hits"] {
  const chunks = new Map(documents.readChunks(fused.map(({ id }) => id)).map((chunk) => [chunk.id, chunk]));
  return fused.flatMap(({ id, score, lexicalScore, vectorScore }) => {
    const chunk = chunks.get(id);
    return chunk === undefined ? [] : [{ chunk, score, lexicalScore, vectorScore }];
  });
}

function countWords(sql: SqlStorage, words: readonly string[]): WordStatistics {
  const chunksWith: Record<string, number> = {};
  for (const word of words.slice(0, maxCountedWords)) {
    const match = toMatchExpression([word]);
    if (match === null) continue;
    chunksWith[word] = sql.exec<{ n: number }>("select count(*) n from words where words match ?", match).one().n;
  }
  return { chunks: sql.exec<{ n: number }>("select count(*) n from chunks").one().n, chunksWith };
}
