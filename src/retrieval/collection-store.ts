import type { Chunk, SearchResult } from "../core/retrieval.ts";
import type { ScoredId } from "./fuse.ts";
import type { VectorProgress } from "./vector-index.ts";

/** What the index of one collection can do: a Durable Object fills it. Text and the authority over what exists live there. */
export interface CollectionStore {
  readDocument(documentId: string): Promise<StoredDocument | null>;
  putDocument(write: DocumentWrite): Promise<PutOutcome>;
  deleteDocument(documentId: string): Promise<DeleteOutcome>;
  /** Makes every document invisible at once. */
  deleteAllDocuments(): Promise<DeleteOutcome>;
  /** A page of ids that Vectorize may still hold although their chunks are gone; at most `limit`. */
  listStaleVectors(limit: number): Promise<string[]>;
  /** Tells that Vectorize accepted the deletion of these ids. */
  forgetStaleVectors(ids: string[]): Promise<void>;
  /** The chunks among `ids` that exist, in the order asked. */
  readChunks(ids: string[]): Promise<Chunk[]>;
  /** A page of documents by id, after the one named. */
  listDocuments(page: { after: string | null; limit: number }): Promise<DocumentSummary[]>;
  search(request: CollectionSearch): Promise<CollectionHits>;
}

export interface DocumentSummary {
  id: string;
  title: string;
  /** SHA-256 of title, format and text. */
  contentHash: string;
  chunks: number;
  updatedAtMs: number;
}

/** What an ingestion needs to know of the last one; also given for a deleted document, with no chunks and no hash. */
export interface StoredDocument {
  contentHash: string | null;
  generation: number;
  chunks: { id: string; textHash: string; vectorised: boolean }[];
}

export interface ChunkWrite extends Chunk {
  textHash: string;
  /** The index holds its vector, from this write or an earlier one. */
  vectorised: boolean;
}

/** Vectors that the index accepted but may not have processed: the collection searches them itself until it has. */
export interface PendingVectors {
  chunkIds: string[];
  /** Float32, little endian, one vector after the other in the order of `chunkIds`. */
  bytes: ArrayBuffer;
  dimensions: number;
  mutationId: string;
  submittedAtMs: number;
}

export interface DocumentWrite {
  document: { id: string; title: string; contentHash: string };
  /** The generation that was read; the write is refused when another came between. */
  expectedGeneration: number;
  chunks: ChunkWrite[];
  vectors: PendingVectors | null;
  atMs: number;
}

export type PutOutcome = { outcome: "stored"; removed: number } | { outcome: "conflict" };

export interface DeleteOutcome {
  /** How many documents were there to delete. */
  documents: number;
}

export interface CollectionSearch {
  /** An FTS5 MATCH expression, or `null`. */
  lexical: string | null;
  /** What the vector index found; `null` when it could not be asked. */
  vectorMatches: ScoredId[] | null;
  /** For the vectors that the index has not processed yet; `null` when there is none. */
  queryVector: number[] | null;
  progress: VectorProgress | null;
  /** The query's words, to be counted. */
  words: string[];
  limit: number;
  /** The share of the vector score in the fused one, 0 to 1. */
  vectorWeight: number;
}

/** How rare words are in a collection. */
export interface WordStatistics {
  chunks: number;
  /** In how many chunks a word (or another form of it) occurs. */
  chunksWith: Record<string, number>;
}

/** Hits, and what is needed to judge whether they answer the question. */
export interface CollectionHits extends SearchResult {
  statistics: WordStatistics;
}
