const bytesPerValue = 4;

/** Float32 bytes of vectors, one after the other: a tenth of the JSON, and what SQLite and RPC carry as they are. */
export function packVectors(vectors: readonly (readonly number[])[]): { bytes: ArrayBuffer; dimensions: number } {
  const dimensions = vectors[0]?.length ?? 0;
  const values = new Float32Array(vectors.length * dimensions);
  for (const [index, vector] of vectors.entries()) {
    if (vector.length !== dimensions)
      throw new RangeError("All vectors of a batch must have the same number of dimensions.");
    values.set(vector, index * dimensions);
  }
  return { bytes: values.buffer, dimensions };
}

/** The bytes of the vector at a place. */
export function sliceVector(
  { bytes, dimensions }: { bytes: ArrayBuffer; dimensions: number },
  index: number,
): ArrayBuffer {
  return bytes.slice(index * dimensions * bytesPerValue, (index + 1) * dimensions * bytesPerValue);
}

/** The cosine similarity of a query with a packed vector; 0 where the dimensions differ or a vector is zero. */
export function cosineSimilarity(query: readonly number[], packed: ArrayBuffer): number {
  const values = new Float32Array(packed);
  if (values.length !== query.length) return 0;
  let product = 0;
  let querySquares = 0;
  let valueSquares = 0;
  for (let index = 0; index < values.length; index++) {
    const a = query[index] ?? 0;
    const b = values[index] ?? 0;
    product += a * b;
    querySquares += a * a;
    valueSquares += b * b;
  }
  const scale = Math.sqrt(querySquares) * Math.sqrt(valueSquares);
  return scale === 0 ? 0 : product / scale;
}
