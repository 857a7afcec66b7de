/** A piece of a document, with its exact place in the original. */
export interface Chunk {
  /** SHA-256 over project, collection, document, ordinal and text, base64url: at most 64 bytes, as Vectorize asks. */
  id: string;
  documentId: string;
  documentTitle: string;
  ordinal: number;
  /** Headings above the chunk, outermost first. */
  headingPath: string[];
  /** `original.slice(start, end)`: verbatim, in UTF-16 code units. */
  text: string;
  start: number;
  end: number;
  /** The header cells of a table whose first row is in an earlier chunk: tables are cut between rows only when they must be. */
  tableHeader?: string[];
}

/** A chunk found for a query. */
export interface Hit {
  chunk: Chunk;
  /** The fused score, 0 to 1. */
  score: number;
  /** Normalised scores of the two searches, `null` where a search did not return the chunk. */
  lexicalScore: number | null;
  vectorScore: number | null;
}

export interface SearchResult {
  hits: Hit[];
  /** True when the vector search could not be made and the hits are lexical alone. */
  degraded: boolean;
}
