/** Steps of a collection's schema, in order: only ever append. */
export const collectionSchema = [
  `create table documents (
    id text primary key, title text not null, content_hash text not null, chunks integer not null, updated_at_ms integer not null
  ) without rowid`,
  // Outlives the document: a chunk born after a deletion gets another id than its predecessor.
  `create table generations (document_id text primary key, generation integer not null) without rowid`,
  `create table chunks (
    seq integer primary key autoincrement, id text not null unique, document_id text not null, ordinal integer not null,
    text_hash text not null, vectorised integer not null, heading_path text not null, table_header text, text text not null,
    start integer not null, "end" integer not null
  )`,
  `create index chunks_by_document on chunks (document_id, ordinal)`,
  // Contentless: it is given text that was segmented for scripts without spaces, and derived data needs no second copy of it.
  `create virtual table words using fts5(heading, body, content='', contentless_delete=1, tokenize='porter unicode61')`,
  `create table pending_vectors (
    chunk_id text primary key, vector blob not null, mutation_id text not null, submitted_at_ms integer not null
  ) without rowid`,
  `create table stale_vectors (chunk_id text primary key) without rowid`,
] as const;

/** Even weights: on the benchmark's collections no other weight of title and headings is better on all three. */
const headingWeight = 1;
const bodyWeight = 1;

/** The lexical search. Parameters: MATCH expression, limit. Shared with the ranking benchmark, which runs it in Node's SQLite. */
export const lexicalSearchSql = `select rowid as seq, -bm25(words, ${headingWeight}, ${bodyWeight}) as score from words
  where words match ? order by score desc, rowid limit ?`;

export const insertWordsSql = `insert into words (rowid, heading, body) values (?, ?, ?)`;
