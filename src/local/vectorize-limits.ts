/**
 * Vectorize's documented limits, and the error texts its binding throws, for an index of one configuration. Codes 40006,
 * 40007, 40008, 40012, 40016, 40025 and 40026 were seen in public reports of the real service; 40009, 40020, 40021, 40027
 * and 40028 are ours, for refusals whose text nobody has published.
 */
export const indexConfig = {
  dimensions: 512,
  metric: "cosine",
  /** The metadata fields a filter may name: `string` indexes, made before the first vector. */
  metadataIndexes: ["collection", "document"],
} as const;

export const limits = {
  topK: 100,
  topKWithPayload: 50,
  batchVectors: 1000,
  deleteIds: 100,
  getIds: 20,
  idBytes: 64,
  namespaceBytes: 64,
  metadataBytes: 10 * 1024,
  filterBytes: 2048,
  /** Of an indexed string only the first bytes are indexed. */
  indexedBytes: 64,
} as const;

export type Operation = "QUERY" | "INSERT" | "UPSERT" | "DELETE" | "GET";

export type MetadataLevel = "none" | "indexed" | "all";

const encoder = new TextEncoder();

export function vectorizeError(operation: Operation, code: number, message: string): Error {
  return new Error(`VECTOR_${operation}_ERROR (code = ${code}): ${message}`);
}

export function checkBatch(operation: "INSERT" | "UPSERT", vectors: readonly VectorizeVector[]): void {
  if (vectors.length > limits.batchVectors) {
    const message = `too many vectors in payload; max vector count is ${limits.batchVectors}, got ${vectors.length}`;
    throw vectorizeError(operation, 40007, message);
  }
  for (const vector of vectors) {
    checkId(operation, vector.id);
    checkNamespace(operation, vector.namespace);
    checkDimensions(operation, vector.values);
    checkMetadata(operation, vector);
  }
}

export function checkIds(operation: "DELETE" | "GET", ids: readonly string[]): void {
  const max = operation === "DELETE" ? limits.deleteIds : limits.getIds;
  if (ids.length > max) {
    throw vectorizeError(operation, 40007, `too many ids in payload; max id count is ${max}, got ${ids.length}`);
  }
  for (const id of ids) checkId(operation, id);
}

/** The options of a query with Vectorize's defaults filled in. */
export interface CheckedQuery {
  topK: number;
  returnValues: boolean;
  returnMetadata: MetadataLevel;
  namespace: string | null;
}

export function checkQuery(options: VectorizeQueryOptions): CheckedQuery {
  const { topK = 5, returnValues = false, returnMetadata: asked, namespace } = options;
  const returnMetadata = metadataLevel(asked);
  if (!Number.isInteger(topK) || topK < 1 || topK > limits.topK) {
    throw vectorizeError("QUERY", 40025, `max top K is ${limits.topK}, but got ${topK}`);
  }
  if ((returnValues || returnMetadata === "all") && topK > limits.topKWithPayload) {
    const message = `with returnValues=true or returnMetadata=all, max top K is ${limits.topKWithPayload}, but got ${topK}; for a top K up to ${limits.topK}, retry with returnValues=false and returnMetadata=indexed`;
    throw vectorizeError("QUERY", 40025, message);
  }
  checkNamespace("QUERY", namespace);
  return { topK, returnValues, returnMetadata, namespace: namespace ?? null };
}

export function checkQueryVector(values: ArrayLike<number>): void {
  if (values.length === indexConfig.dimensions) return;
  const message = `invalid query vector, expected ${indexConfig.dimensions} dimensions, and got ${values.length} dimensions`;
  throw vectorizeError("QUERY", 40006, message);
}

/** The first 64 bytes of an indexed string: what a metadata index keeps, cut between characters. */
export function indexedPrefix(text: string): string {
  const bytes = encoder.encode(text);
  if (bytes.length <= limits.indexedBytes) return text;
  let end: number = limits.indexedBytes;
  // 10xxxxxx is the inside of a UTF-8 character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return new TextDecoder().decode(bytes.subarray(0, end));
}

export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

function metadataLevel(asked: unknown): MetadataLevel {
  // `true` and `false` belong to the retired V1 indexes; the service cannot parse them.
  if (asked === undefined) return "none";
  if (asked === "none" || asked === "indexed" || asked === "all") return asked;
  throw vectorizeError("QUERY", 40026, "Failed to parse the request body as JSON: returnMetadata: expected value");
}

function checkId(operation: Operation, id: string): void {
  const bytes = byteLength(id);
  if (bytes > limits.idBytes) {
    throw vectorizeError(operation, 40008, `id too long; max is ${limits.idBytes} bytes, got ${bytes} bytes`);
  }
}

function checkNamespace(operation: Operation, namespace: string | undefined): void {
  const bytes = byteLength(namespace ?? "");
  if (bytes > limits.namespaceBytes) {
    throw vectorizeError(
      operation,
      40009,
      `namespace too long; max is ${limits.namespaceBytes} bytes, got ${bytes} bytes`,
    );
  }
}

function checkDimensions(operation: Operation, values: ArrayLike<number>): void {
  if (values.length === indexConfig.dimensions) return;
  const message = `invalid dimension; expected ${indexConfig.dimensions}, got ${values.length}`;
  throw vectorizeError(operation, 40012, message);
}

function checkMetadata(operation: Operation, { id, metadata }: VectorizeVector): void {
  if (metadata === undefined) return;
  for (const key of Object.keys(metadata)) {
    if (key === "" || key.startsWith("$") || /[."]/.test(key)) {
      const message = `invalid metadata key ${JSON.stringify(key)}; keys cannot be empty, contain . or ", or start with $`;
      throw vectorizeError(operation, 40020, message);
    }
  }
  const bytes = byteLength(JSON.stringify(metadata));
  if (bytes > limits.metadataBytes) {
    const message = `oversized metadata for vector id="${id}"; the compact JSON representation of the metadata must not exceed ${limits.metadataBytes} bytes, got ${bytes} bytes`;
    throw vectorizeError(operation, 40016, message);
  }
}
