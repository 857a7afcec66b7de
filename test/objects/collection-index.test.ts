import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import type { ChunkWrite, CollectionSearch, PendingVectors } from "../../src/retrieval/collection-store.ts";
import { packVectors } from "../../src/retrieval/pack-vectors.ts";
import { queryFromText } from "../../src/retrieval/query.ts";

let index: ReturnType<typeof env.COLLECTION.getByName>;
beforeEach(() => {
  index = env.COLLECTION.getByName(crypto.randomUUID());
});

function chunk(id: string, text: string, more: Partial<ChunkWrite> = {}): ChunkWrite {
  const documentId = more.documentId ?? "doc_1";
  const place = { ordinal: 0, headingPath: ["Top"], start: 0, end: text.length };
  return {
    id,
    documentId,
    documentTitle: "Title",
    text,
    textHash: `hash of ${text}`,
    vectorised: true,
    ...place,
    ...more,
  };
}

function put(
  chunks: ChunkWrite[],
  {
    id = "doc_1",
    expectedGeneration = 0,
    vectors = null,
  }: { id?: string; expectedGeneration?: number; vectors?: PendingVectors | null } = {},
) {
  return index.putDocument({
    document: { id, title: "Title", contentHash: `hash ${id}` },
    expectedGeneration,
    chunks,
    vectors,
    atMs: 5,
  });
}

function pending(
  vectors: Record<string, number[]>,
  { mutationId = "m1", submittedAtMs = 100_000 } = {},
): PendingVectors {
  return { chunkIds: Object.keys(vectors), ...packVectors(Object.values(vectors)), mutationId, submittedAtMs };
}

function search(request: Partial<CollectionSearch>) {
  return index.search({
    lexical: null,
    vectorMatches: [],
    queryVector: [1, 0],
    progress: { processedUpToMs: 0, processedUpToMutation: "none" },
    words: [],
    limit: 10,
    vectorWeight: 0.5,
    ...request,
  });
}

const idsOf = async (found: ReturnType<typeof search>) => (await found).hits.map((hit) => hit.chunk.id);

describe("the word index", () => {
  it("finds other forms of a word, in text, title and headings", async () => {
    await put([
      chunk("a", "Invoices are issued monthly."),
      chunk("b", "Nothing.", { ordinal: 1, headingPath: ["Refunding"] }),
    ]);
    expect(await idsOf(search({ lexical: '"invoice"' }))).toEqual(["a"]);
    expect(await idsOf(search({ lexical: '"refunds"' }))).toEqual(["b"]);
    expect((await idsOf(search({ lexical: '"titles"' }))).toSorted()).toEqual(["a", "b"]);
  });

  it("finds words of scripts that write no spaces", async () => {
    await put([chunk("a", "返金は五日以内に届きます。"), chunk("b", "請求書は毎月発行されます。", { ordinal: 1 })]);
    expect(await idsOf(search({ lexical: queryFromText("返金").lexical }))).toEqual(["a"]);
  });

  it.each([
    '"unbalanced',
    "a AND OR NOT NEAR(b",
    "col:umn ^start* -minus +plus",
    "'; drop table chunks; --",
    "((((",
    "{braces} [brackets] \\ / | ~ ` \u0000 \uFFFF",
    "é ü ß ﬁ ½ ①",
    "AND",
    "*",
    "👩‍🔧 😀",
    "word ".repeat(3000),
    Array.from({ length: 3000 }, (_, number) => `word${number}`).join(" "),
  ])("takes any user text as a query: %.40s", async (text) => {
    await put([chunk("a", "A word among words.")]);
    const { lexical, terms } = queryFromText(text);
    await expect(search({ lexical, words: terms.map(({ word }) => word) })).resolves.toMatchObject({ degraded: false });
  });

  it("counts in how many chunks a word occurs", async () => {
    await put([
      chunk("a", "Refund the refund."),
      chunk("b", "Refunds.", { ordinal: 1 }),
      chunk("c", "Alerts.", { ordinal: 2 }),
    ]);
    const { statistics } = await search({ words: ["refund", "alert", "unknown"] });
    expect(statistics).toEqual({ chunks: 3, chunksWith: { refund: 2, alert: 1, unknown: 0 } });
  });
});

describe("the vector ledger", () => {
  const chunks = [chunk("a", "one"), chunk("b", "two", { ordinal: 1 })];
  const vectors = pending({ a: [1, 0], b: [0, 1] });

  it("searches what the vector index has not processed yet", async () => {
    await put(chunks, { vectors });
    const { hits } = await search({ queryVector: [0, 2] });
    expect(hits.map(({ chunk: { id }, vectorScore }) => [id, vectorScore])).toEqual([
      ["b", 1],
      ["a", 0],
    ]);
  });

  it.each([
    ["its time has not come", { processedUpToMs: 100_000 - 1, processedUpToMutation: "other" }, 2],
    ["its time is within the clocks' margin", { processedUpToMs: 100_500, processedUpToMutation: "other" }, 2],
    ["its time has passed", { processedUpToMs: 102_000, processedUpToMutation: "other" }, 0],
    ["its mutation was the last one", { processedUpToMs: 0, processedUpToMutation: "m1" }, 0],
    ["the index could not be asked", null, 2],
  ])("keeps or forgets a pending vector when %s", async (_name, progress, left) => {
    await put(chunks, { vectors });
    await search({ progress });
    expect(await idsOf(search({}))).toHaveLength(left);
  });

  it("prefers its own score to an older one of the index", async () => {
    await put(chunks, { vectors });
    const { hits } = await search({ vectorMatches: [{ id: "b", score: 9 }], queryVector: [1, 0] });
    expect(hits[0]?.chunk.id).toBe("a");
  });

  it("drops what the index names and the collection does not hold, before the scores are normalised", async () => {
    await put(chunks);
    const { hits } = await search({
      vectorMatches: [
        { id: "gone", score: 99 },
        { id: "a", score: 0.9 },
        { id: "b", score: 0.1 },
      ],
    });
    expect(hits.map(({ chunk: { id }, vectorScore }) => [id, vectorScore])).toEqual([
      ["a", 1],
      ["b", 0],
    ]);
  });

  it("goes by words alone when the index could not be asked", async () => {
    await put(chunks, { vectors });
    const found = await search({ vectorMatches: null, queryVector: null, lexical: '"two"' });
    expect(found).toMatchObject({ degraded: true, hits: [{ chunk: { id: "b" }, vectorScore: null, score: 1 }] });
  });
});

describe("documents", () => {
  it("are replaced as a whole", async () => {
    await put([chunk("a", "old words"), chunk("b", "kept", { ordinal: 1 })]);
    expect(await put([chunk("b", "kept"), chunk("c", "new", { ordinal: 1 })], { expectedGeneration: 1 })).toEqual({
      outcome: "stored",
      removed: 1,
    });
    expect(await idsOf(search({ lexical: '"old" OR "kept" OR "new"' }))).toHaveLength(2);
    expect(await index.listStaleVectors(10)).toEqual(["a"]);
    await index.forgetStaleVectors(["a"]);
    expect(await index.listStaleVectors(10)).toEqual([]);
  });

  it("refuse a write that did not read the last one", async () => {
    await put([chunk("a", "first")]);
    expect(await put([chunk("b", "second")])).toEqual({ outcome: "conflict" });
    expect(await idsOf(search({ lexical: '"first" OR "second"' }))).toEqual(["a"]);
  });

  it("disappear at once from both searches", async () => {
    await put([chunk("a", "words")], { vectors: pending({ a: [1, 0] }) });
    expect(await index.deleteDocument("doc_1")).toEqual({ documents: 1 });
    expect(await idsOf(search({ lexical: '"words"', vectorMatches: [{ id: "a", score: 1 }] }))).toEqual([]);
    expect(await index.readChunks(["a"])).toEqual([]);
    expect(await index.deleteDocument("doc_1")).toEqual({ documents: 0 });
    expect(await index.readDocument("doc_1")).toEqual({ contentHash: null, generation: 2, chunks: [] });
  });

  it("are read back with exact places, in the order asked", async () => {
    const later = chunk("b", "| Bay | $1 |", { ordinal: 1, start: 7, end: 19, tableHeader: ["Plan", "Price"] });
    await put([chunk("a", "first"), later]);
    const read = await index.readChunks(["b", "missing", "a"]);
    expect(read.map(({ id }) => id)).toEqual(["b", "a"]);
    expect(read[0]).toEqual({
      id: "b",
      documentId: "doc_1",
      documentTitle: "Title",
      ordinal: 1,
      headingPath: ["Top"],
      text: "| Bay | $1 |",
      start: 7,
      end: 19,
      tableHeader: ["Plan", "Price"],
    });
  });

  it("are listed by pages", async () => {
    for (const id of ["doc_1", "doc_2", "doc_3"]) await put([chunk(`chunk ${id}`, "text", { documentId: id })], { id });
    expect((await index.listDocuments({ after: null, limit: 2 })).map(({ id }) => id)).toEqual(["doc_1", "doc_2"]);
    expect(await index.listDocuments({ after: "doc_2", limit: 2 })).toEqual([
      { id: "doc_3", title: "Title", contentHash: "hash doc_3", chunks: 1, updatedAtMs: 5 },
    ]);
  });

  it("survive the eviction of their object", async () => {
    await put([chunk("a", "words")], { vectors: pending({ a: [1, 0] }) });
    await evictDurableObject(index);
    expect(await idsOf(search({ lexical: '"words"' }))).toEqual(["a"]);
    expect(await idsOf(search({}))).toEqual(["a"]);
  });

  it("leave nothing of a write that failed in the middle", async () => {
    await put([chunk("a", "first")]);
    const broken = [chunk("b", "second"), chunk("b", "twice the same id", { ordinal: 1 })];
    await runInDurableObject(index, async (object) => {
      const write = {
        document: { id: "doc_1", title: "Title", contentHash: "x" },
        expectedGeneration: 1,
        chunks: broken,
        vectors: null,
        atMs: 6,
      };
      await expect(object.putDocument(write)).rejects.toThrow(/UNIQUE/);
    });
    expect(await idsOf(search({ lexical: '"first" OR "second"' }))).toEqual(["a"]);
    expect(await index.listStaleVectors(10)).toEqual([]);
  });
});
