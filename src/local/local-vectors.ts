import { DurableObject } from "cloudflare:workers";
import { readFilter } from "./vectorize-filter.ts";
import { checkQuery, indexConfig, indexedPrefix } from "./vectorize-limits.ts";

/** How long a mutation waits before queries see it, unless `LOCAL_VECTORIZE_DELAY_MS` says otherwise. */
const defaultDelayMs = 2000;

export interface LocalVectorsEnv {
  LOCAL_VECTORIZE_DELAY_MS?: string | number;
}

interface StoredRow extends Record<string, SqlStorageValue> {
  id: string;
  namespace: string | null;
  metadata: string | null;
  indexed: string;
  vector: ArrayBuffer;
}

/** A vector as it crosses to the queue: plain JSON, its numbers apart as float32 bytes. */
interface QueuedVector {
  id: string;
  namespace: string | null;
  metadata: string | null;
  indexed: string;
  vector: ArrayBuffer;
}

/**
 * One simulated Vectorize index: the vectors and the mutations not yet visible, in SQLite. Queries scan every vector of the
 * namespace, which is exact where the service approximates. The limits were checked at the door, in `LocalVectorize`.
 */
export class LocalVectors extends DurableObject<LocalVectorsEnv> {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: LocalVectorsEnv) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS vectors (
        id TEXT PRIMARY KEY, namespace TEXT, metadata TEXT, indexed TEXT NOT NULL, vector BLOB NOT NULL
      ) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS vectors_by_namespace ON vectors (namespace);
      CREATE TABLE IF NOT EXISTS mutations (
        sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, visible_at_ms INTEGER NOT NULL
      );
      CREATE TABLE IF NOT EXISTS mutation_rows (
        sequence INTEGER NOT NULL, vector_id TEXT NOT NULL, namespace TEXT, metadata TEXT, indexed TEXT, vector BLOB
      );
      CREATE INDEX IF NOT EXISTS mutation_rows_by_sequence ON mutation_rows (sequence);
      CREATE TABLE IF NOT EXISTS progress (
        only INTEGER PRIMARY KEY CHECK (only = 1), mutation_id TEXT NOT NULL, at_ms INTEGER NOT NULL
      );
    `);
  }

  async insert(vectors: VectorizeVector[]): Promise<{ mutationId: string }> {
    return this.#enqueue("insert", vectors.map(toQueued));
  }

  async upsert(vectors: VectorizeVector[]): Promise<{ mutationId: string }> {
    return this.#enqueue("upsert", vectors.map(toQueued));
  }

  async deleteByIds(ids: string[]): Promise<{ mutationId: string }> {
    return this.#enqueue(
      "delete",
      ids.map((id) => ({ id })),
    );
  }

  async getByIds(ids: string[]): Promise<VectorizeVector[]> {
    this.#applyDue();
    const rows = this.#sql.exec<StoredRow>(
      "SELECT * FROM vectors WHERE id IN (SELECT value FROM json_each(?))",
      JSON.stringify(ids),
    );
    return rows.toArray().map((row) => ({ ...describeRow(row, "all"), values: numbersOf(row.vector) }));
  }

  async query(values: number[], options: VectorizeQueryOptions): Promise<VectorizeMatches> {
    return this.#search(Float32Array.from(values), options);
  }

  /** `null` when there is no such vector. */
  async queryById(id: string, options: VectorizeQueryOptions): Promise<VectorizeMatches | null> {
    this.#applyDue();
    const row = this.#sql.exec<StoredRow>("SELECT * FROM vectors WHERE id = ?", id).toArray()[0];
    return row ? this.#search(new Float32Array(row.vector), options) : null;
  }

  async describe(): Promise<LocalIndexInfo> {
    this.#applyDue();
    const count = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM vectors").one().count;
    const progress = this.#sql.exec<{ mutation_id: string; at_ms: number }>("SELECT * FROM progress").toArray()[0];
    return {
      vectorCount: count,
      dimensions: indexConfig.dimensions,
      processedUpToDatetime: progress ? new Date(progress.at_ms).toISOString() : null,
      processedUpToMutation: progress?.mutation_id ?? null,
    };
  }

  override async alarm(): Promise<void> {
    this.#applyDue();
    const next = this.#sql.exec<{ at: number | null }>("SELECT min(visible_at_ms) AS at FROM mutations").one().at;
    if (next !== null) await this.ctx.storage.setAlarm(next);
  }

  async #enqueue(
    kind: "insert" | "upsert" | "delete",
    rows: (QueuedVector | { id: string })[],
  ): Promise<{ mutationId: string }> {
    const mutationId = crypto.randomUUID();
    const visibleAtMs = Date.now() + this.#delayMs();
    this.ctx.storage.transactionSync(() => {
      const { sequence } = this.#sql
        .exec<{ sequence: number }>(
          "INSERT INTO mutations (id, kind, visible_at_ms) VALUES (?, ?, ?) RETURNING sequence",
          mutationId,
          kind,
          visibleAtMs,
        )
        .one();
      for (const row of rows) {
        const payload =
          "vector" in row ? [row.namespace, row.metadata, row.indexed, row.vector] : [null, null, null, null];
        this.#sql.exec("INSERT INTO mutation_rows VALUES (?, ?, ?, ?, ?, ?)", sequence, row.id, ...payload);
      }
    });
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(visibleAtMs);
    return { mutationId };
  }

  /** Makes every mutation visible whose time has come, in order, as one transaction. Also before reads: alarms may be late. */
  #applyDue(): void {
    const now = Date.now();
    const due = this.#sql
      .exec<{ sequence: number; id: string; kind: string }>(
        "SELECT sequence, id, kind FROM mutations WHERE visible_at_ms <= ? ORDER BY sequence",
        now,
      )
      .toArray();
    if (due.length === 0) return;
    this.ctx.storage.transactionSync(() => {
      for (const { sequence, id, kind } of due) {
        this.#sql.exec(applySql[kind] ?? "", sequence);
        this.#sql.exec("DELETE FROM mutation_rows WHERE sequence = ?", sequence);
        this.#sql.exec("DELETE FROM mutations WHERE sequence = ?", sequence);
        this.#sql.exec("INSERT OR REPLACE INTO progress VALUES (1, ?, ?)", id, now);
      }
    });
  }

  #search(query: Float32Array, options: VectorizeQueryOptions): VectorizeMatches {
    const { topK, returnValues, returnMetadata, namespace } = checkQuery(options);
    const passes = readFilter(options.filter);
    this.#applyDue();
    const rows =
      namespace === null
        ? this.#sql.exec<StoredRow>("SELECT * FROM vectors")
        : this.#sql.exec<StoredRow>("SELECT * FROM vectors WHERE namespace = ?", namespace);
    const scored: { row: StoredRow; score: number }[] = [];
    for (const row of rows) {
      const indexed: Record<string, string> = JSON.parse(row.indexed);
      if (passes(indexed)) scored.push({ row, score: cosine(query, new Float32Array(row.vector)) });
    }
    // Equal scores in the order of their ids, so that a page is the same twice.
    scored.sort((a, b) => b.score - a.score || (a.row.id < b.row.id ? -1 : 1));
    const matches = scored.slice(0, topK).map(({ row, score }) => ({
      ...describeRow(row, returnMetadata),
      ...(returnValues && { values: numbersOf(row.vector) }),
      score,
    }));
    return { count: matches.length, matches };
  }

  #delayMs(): number {
    const setting = Number(this.env.LOCAL_VECTORIZE_DELAY_MS ?? defaultDelayMs);
    return Number.isFinite(setting) ? setting : defaultDelayMs;
  }
}

/** What `describe` really answers: the declared type says numbers, the service sends an ISO time and a UUID. */
export interface LocalIndexInfo {
  vectorCount: number;
  dimensions: number;
  processedUpToDatetime: string | null;
  processedUpToMutation: string | null;
}

const selectRows = "SELECT vector_id, namespace, metadata, indexed, vector FROM mutation_rows WHERE sequence = ?";
const applySql: Record<string, string> = {
  // The first write of an id wins in insert, the last in upsert.
  insert: `INSERT OR IGNORE INTO vectors ${selectRows}`,
  upsert: `INSERT OR REPLACE INTO vectors ${selectRows}`,
  delete: "DELETE FROM vectors WHERE id IN (SELECT vector_id FROM mutation_rows WHERE sequence = ?)",
};

function toQueued(vector: VectorizeVector): QueuedVector {
  return {
    id: vector.id,
    namespace: vector.namespace ?? null,
    metadata: vector.metadata === undefined ? null : JSON.stringify(vector.metadata),
    indexed: JSON.stringify(indexedValues(vector.metadata)),
    vector: Float32Array.from(vector.values).buffer,
  };
}

function indexedValues(metadata: VectorizeVector["metadata"]): Record<string, string> {
  const entries = indexConfig.metadataIndexes.flatMap((name) => {
    const value = metadata?.[name];
    return typeof value === "string" ? [[name, indexedPrefix(value)] as const] : [];
  });
  return Object.fromEntries(entries);
}

function describeRow(row: StoredRow, level: "none" | "indexed" | "all"): Omit<VectorizeVector, "values"> {
  // Written by toQueued from checked vectors.
  const metadata: VectorizeVector["metadata"] | null =
    level === "none" ? null : JSON.parse(level === "all" ? (row.metadata ?? "null") : row.indexed);
  return { id: row.id, ...(row.namespace !== null && { namespace: row.namespace }), ...(metadata && { metadata }) };
}

function numbersOf(vector: ArrayBuffer): number[] {
  return [...new Float32Array(vector)];
}

function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let at = 0; at < a.length; at++) {
    const x = a[at] ?? 0;
    const y = b[at] ?? 0;
    dot += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  const lengths = Math.sqrt(squaresA * squaresB);
  return lengths === 0 ? 0 : dot / lengths;
}
