import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

// Each limit of Vectorize that Parapet's code has to live with, stated against the binding that code uses. One index serves
// the whole file, so every test has its own namespace and ids.

// `wrangler types` declares the retired beta class; the service and the simulator are the present one.
const index = env.VECTORIZE as unknown as Vectorize;

const dimensions = 512;
const visibilityMs = 10_000;

let namespace: string;
let now: number;

beforeEach(() => {
  namespace = crypto.randomUUID();
  now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A unit vector in the plane of the first two axes, `degrees` from the first. */
function direction(degrees: number): number[] {
  const values = Array.from({ length: dimensions }, () => 0);
  values[0] = Math.cos((degrees * Math.PI) / 180);
  values[1] = Math.sin((degrees * Math.PI) / 180);
  return values;
}

function vectorAt(degrees: number, rest: Partial<VectorizeVector> = {}): VectorizeVector {
  return { id: `${namespace}-${degrees}`, values: direction(degrees), namespace, ...rest };
}

/** Lets every mutation so far become visible. */
function letTimePass(): void {
  now += visibilityMs;
  vi.setSystemTime(now);
}

/** A remote promise answers every property that is looked up on it with a promise of its own; `expect` looks up many. */
async function local<T>(remote: Promise<T>): Promise<T> {
  return await remote;
}

async function upsertNow(vectors: VectorizeVector[]): Promise<void> {
  await index.upsert(vectors);
  letTimePass();
}

function idsOf({ matches }: VectorizeMatches): string[] {
  return matches.map((match) => match.id.slice(namespace.length + 1));
}

describe("queries", () => {
  it("rank by cosine similarity, nearest first, five unless asked otherwise", async () => {
    await upsertNow([60, 0, 30, 90, 45, 75, 15].map((degrees) => vectorAt(degrees)));
    const found = await index.query(direction(0), { namespace });
    expect(idsOf(found)).toEqual(["0", "15", "30", "45", "60"]);
    expect(found.count).toBe(5);
    expect(found.matches[2]?.score).toBeCloseTo(Math.cos(Math.PI / 6), 6);
  });

  it("score by direction alone, whatever a vector's length", async () => {
    await upsertNow([vectorAt(30, { values: direction(30).map((value) => value * 7) })]);
    const found = await index.query(direction(30), { namespace });
    expect(found.matches[0]?.score).toBeCloseTo(1, 6);
  });

  it("see only the namespace they name", async () => {
    await upsertNow([vectorAt(0), { ...vectorAt(1), namespace: `${namespace.slice(1)}x` }]);
    expect(idsOf(await index.query(direction(0), { namespace }))).toEqual(["0"]);
  });

  it.each([
    {
      name: "a top K of 101",
      options: { topK: 101 },
      error: "VECTOR_QUERY_ERROR (code = 40025): max top K is 100, but got 101",
    },
    { name: "a top K of 0", options: { topK: 0 }, error: "VECTOR_QUERY_ERROR (code = 40025)" },
    {
      name: "a top K of 51 with all metadata",
      options: { topK: 51, returnMetadata: "all" as const },
      error:
        "VECTOR_QUERY_ERROR (code = 40025): with returnValues=true or returnMetadata=all, max top K is 50, but got 51",
    },
    {
      name: "a top K of 51 with values",
      options: { topK: 51, returnValues: true },
      error: "VECTOR_QUERY_ERROR (code = 40025)",
    },
    {
      name: "a boolean for returnMetadata",
      options: { returnMetadata: false },
      error:
        "VECTOR_QUERY_ERROR (code = 40026): Failed to parse the request body as JSON: returnMetadata: expected value",
    },
    {
      name: "a namespace of 65 bytes",
      options: { namespace: "n".repeat(65) },
      error: "VECTOR_QUERY_ERROR (code = 40009)",
    },
    {
      name: "a filter of 2048 bytes",
      options: { filter: { collection: "c".repeat(2048 - '{"collection":""}'.length) } },
      error: "VECTOR_QUERY_ERROR (code = 40021)",
    },
    {
      name: "an unknown filter operator",
      // The declared type forbids it; JavaScript callers and the service meet it all the same.
      options: { filter: { collection: { $contains: "x" } } } as VectorizeQueryOptions,
      error: "VECTOR_QUERY_ERROR (code = 40027)",
    },
  ])("are refused with $name", async ({ options, error }) => {
    await expect(local(index.query(direction(0), options))).rejects.toThrow(error);
  });

  it.each([
    { name: "a top K of 100", options: { topK: 100 } },
    { name: "a top K of 100 with indexed metadata", options: { topK: 100, returnMetadata: "indexed" as const } },
    {
      name: "a top K of 50 with all metadata and values",
      options: { topK: 50, returnMetadata: "all" as const, returnValues: true },
    },
    {
      name: "a filter of 2047 bytes",
      options: { filter: { collection: "c".repeat(2047 - '{"collection":""}'.length) } },
    },
  ])("are answered with $name", async ({ options }) => {
    await expect(local(index.query(direction(0), { namespace, ...options }))).resolves.toMatchObject({ count: 0 });
  });

  it("are refused with a vector of another dimension", async () => {
    await expect(local(index.query([1, 2, 3]))).rejects.toThrow(
      "VECTOR_QUERY_ERROR (code = 40006): invalid query vector, expected 512 dimensions, and got 3 dimensions",
    );
  });

  it("by id search from a stored vector", async () => {
    await upsertNow([vectorAt(0), vectorAt(10), vectorAt(50)]);
    expect(idsOf(await index.queryById(`${namespace}-50`, { namespace, topK: 2 }))).toEqual(["50", "10"]);
  });

  it("by id fail for an id that is not there", async () => {
    await expect(local(index.queryById(`${namespace}-none`))).rejects.toThrow("VECTOR_QUERY_ERROR");
  });

  it("return values and metadata only when asked", async () => {
    const metadata = { collection: "c1", document: "d1", other: "x" };
    await upsertNow([vectorAt(0, { metadata })]);
    const match = async (options: VectorizeQueryOptions): Promise<VectorizeMatch | undefined> =>
      (await index.query(direction(0), { namespace, ...options })).matches[0];
    expect(await match({})).toEqual({ id: `${namespace}-0`, namespace, score: expect.closeTo(1, 6) });
    expect((await match({ returnMetadata: "indexed" }))?.metadata).toEqual({ collection: "c1", document: "d1" });
    expect((await match({ returnMetadata: "all" }))?.metadata).toEqual(metadata);
    expect((await match({ returnValues: true }))?.values).toHaveLength(dimensions);
  });
});

describe("filters", () => {
  const rows = {
    0: { collection: "a", document: "d1" },
    10: { collection: "b", document: "d2" },
    20: { collection: "a", document: "d3" },
  };

  it.each<{ name: string; filter: VectorizeVectorMetadataFilter; ids: string[] }>([
    { name: "a bare value", filter: { collection: "a" }, ids: ["0", "20"] },
    { name: "$eq", filter: { collection: { $eq: "b" } }, ids: ["10"] },
    { name: "$ne", filter: { collection: { $ne: "a" } }, ids: ["10"] },
    { name: "$in", filter: { document: { $in: ["d1", "d2"] } }, ids: ["0", "10"] },
    { name: "$nin", filter: { document: { $nin: ["d1", "d2"] } }, ids: ["20"] },
    { name: "$lt", filter: { document: { $lt: "d2" } }, ids: ["0"] },
    { name: "$lte", filter: { document: { $lte: "d2" } }, ids: ["0", "10"] },
    { name: "$gt", filter: { document: { $gt: "d2" } }, ids: ["20"] },
    { name: "$gte and $lt together", filter: { document: { $gte: "d2", $lt: "d3" } }, ids: ["10"] },
    { name: "two fields, both of which must hold", filter: { collection: "a", document: "d3" }, ids: ["20"] },
    { name: "a field without a metadata index, which matches nothing", filter: { other: "x" }, ids: [] },
  ])("understand $name", async ({ filter, ids }) => {
    await upsertNow(
      Object.entries(rows).map(([degrees, metadata]) =>
        vectorAt(Number(degrees), { metadata: { ...metadata, other: "x" } }),
      ),
    );
    expect(idsOf(await index.query(direction(0), { namespace, filter }))).toEqual(ids);
  });

  it("compare only the first 64 bytes of a string", async () => {
    const shared = "é".repeat(32);
    await upsertNow([
      vectorAt(0, { metadata: { collection: `${shared}one` } }),
      vectorAt(10, { metadata: { collection: `${shared}two` } }),
    ]);
    const found = await index.query(direction(0), { namespace, filter: { collection: `${shared}three` } });
    expect(idsOf(found)).toEqual(["0", "10"]);
  });
});

describe("mutations", () => {
  it("answer with a mutation id alone and become visible later", async () => {
    const result = await index.upsert([vectorAt(0)]);
    expect(Object.keys(result)).toEqual(["mutationId"]);
    expect(idsOf(await index.query(direction(0), { namespace }))).toEqual([]);
    letTimePass();
    expect(idsOf(await index.query(direction(0), { namespace }))).toEqual(["0"]);
  });

  it("are told by describe once they are processed", async () => {
    const { mutationId } = await index.upsert([vectorAt(0)]);
    const before = await index.describe();
    expect(before.processedUpToMutation).not.toBe(mutationId);
    letTimePass();
    expect(await index.describe()).toEqual({
      vectorCount: before.vectorCount + 1,
      dimensions,
      processedUpToDatetime: new Date(now).toISOString(),
      processedUpToMutation: mutationId,
    });
  });

  it("let the first write of an id win in insert", async () => {
    await index.insert([vectorAt(0, { id: `${namespace}-a` })]);
    await index.insert([vectorAt(90, { id: `${namespace}-a` })]);
    letTimePass();
    expect((await index.query(direction(0), { namespace })).matches[0]?.score).toBeCloseTo(1, 6);
  });

  it("replace the whole vector in upsert, metadata and all", async () => {
    const id = `${namespace}-a`;
    await upsertNow([vectorAt(0, { id, metadata: { collection: "a", other: "x" } })]);
    await upsertNow([vectorAt(90, { id, metadata: { document: "d" } })]);
    const [found] = await index.getByIds([id]);
    expect(found?.metadata).toEqual({ document: "d" });
    expect(found?.values[1]).toBeCloseTo(1, 6);
  });

  it("delete by id, later too", async () => {
    await upsertNow([vectorAt(0), vectorAt(10)]);
    await index.deleteByIds([`${namespace}-0`]);
    expect(idsOf(await index.query(direction(0), { namespace }))).toEqual(["0", "10"]);
    letTimePass();
    expect(idsOf(await index.query(direction(0), { namespace }))).toEqual(["10"]);
  });

  it("keep numbers as float32", async () => {
    const values = direction(0).map(() => 0.1);
    await upsertNow([vectorAt(0, { values: new Float64Array(values) })]);
    const [found] = await index.getByIds([`${namespace}-0`]);
    expect(found?.values[0]).toBe(Math.fround(0.1));
  });

  it("take 1000 vectors in a batch and refuse 1001", async () => {
    const batch = Array.from({ length: 1001 }, (_, at) => vectorAt(at % 360, { id: `${namespace}-${at}` }));
    await expect(local(index.upsert(batch))).rejects.toThrow("VECTOR_UPSERT_ERROR (code = 40007)");
    await upsertNow(batch.slice(1));
    expect((await index.query(direction(0), { namespace, topK: 100 })).count).toBe(100);
  });

  it.each([
    {
      name: "an id of 65 bytes",
      rest: { id: "é".repeat(32) + "x" },
      error: "VECTOR_UPSERT_ERROR (code = 40008): id too long; max is 64 bytes, got 65 bytes",
    },
    {
      name: "a namespace of 65 bytes",
      rest: { namespace: "n".repeat(65) },
      error: "VECTOR_UPSERT_ERROR (code = 40009)",
    },
    {
      name: "another dimension",
      rest: { values: [1, 2] },
      error: "VECTOR_UPSERT_ERROR (code = 40012): invalid dimension; expected 512, got 2",
    },
    {
      name: "more than 10 KiB of metadata",
      rest: { id: "m", metadata: { text: "x".repeat(10_240) } },
      error:
        'VECTOR_UPSERT_ERROR (code = 40016): oversized metadata for vector id="m"; the compact JSON representation of the metadata must not exceed 10240 bytes, got 10251 bytes',
    },
    {
      name: "a metadata key with a dot",
      rest: { metadata: { "a.b": 1 } },
      error: "VECTOR_UPSERT_ERROR (code = 40020)",
    },
    {
      name: "a metadata key with a dollar",
      rest: { metadata: { $a: 1 } },
      error: "VECTOR_UPSERT_ERROR (code = 40020)",
    },
  ])("are refused whole with $name", async ({ rest, error }) => {
    await expect(local(index.upsert([vectorAt(0), vectorAt(10, rest)]))).rejects.toThrow(error);
    letTimePass();
    expect(idsOf(await index.query(direction(0), { namespace }))).toEqual([]);
  });

  it("refuse to delete 101 ids at once, and delete none of them", async () => {
    await upsertNow([vectorAt(0)]);
    const ids = [`${namespace}-0`, ...Array.from({ length: 100 }, (_, at) => `${namespace}-none-${at}`)];
    await expect(local(index.deleteByIds(ids))).rejects.toThrow(
      "VECTOR_DELETE_ERROR (code = 40007): too many ids in payload; max id count is 100, got 101",
    );
    letTimePass();
    expect(idsOf(await index.query(direction(0), { namespace }))).toEqual(["0"]);
  });

  it("give 20 vectors by id at once and refuse 21", async () => {
    const ids = Array.from({ length: 21 }, (_, at) => `${namespace}-${at}`);
    await upsertNow(ids.map((id) => vectorAt(0, { id })));
    expect(await index.getByIds(ids.slice(1))).toHaveLength(20);
    await expect(local(index.getByIds(ids))).rejects.toThrow("VECTOR_GET_ERROR (code = 40007)");
  });
});
