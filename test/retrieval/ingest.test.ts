import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { AppError } from "../../src/core/errors.ts";
import type { CollectionStore } from "../../src/retrieval/collection-store.ts";
import { ingestDocument, maxChunks } from "../../src/retrieval/ingest.ts";
import { queryFromText } from "../../src/retrieval/query.ts";
import { removeAllDocuments, removeDocument } from "../../src/retrieval/remove.ts";
import { searchCollection } from "../../src/retrieval/search.ts";
import { embedWords } from "./bag-of-words.ts";
import { MemoryVectorIndex } from "./memory-vector-index.ts";

const collectionId = "col_1";
let projectId: string;
let collection: CollectionStore;
let vectors: MemoryVectorIndex;
let embedded: string[][];
let embeddingFails: Error | null;
let nowMs: number;

beforeEach(() => {
  projectId = crypto.randomUUID();
  collection = env.COLLECTION.getByName(`${projectId}/${collectionId}`);
  vectors = new MemoryVectorIndex();
  embedded = [];
  embeddingFails = null;
  nowMs = 1_000_000;
});

const deps = () => ({
  collection,
  vectors,
  clock: () => nowMs,
  embed: async (texts: string[]) => {
    if (embeddingFails !== null) throw embeddingFails;
    embedded.push(texts);
    return texts.map(embedWords);
  },
});

const put = (text: string, { id = "doc_1", title = "Tides" } = {}) =>
  ingestDocument(deps(), { projectId, collectionId, document: { id, title, format: "markdown", text } });

const search = (question: string) =>
  searchCollection(deps(), { projectId, collectionId, query: queryFromText(question), limit: 5 });

const section = (name: string) => `## ${name}\n\nThe ${name} section speaks of ${name.repeat(2)}.`;
const three = ["alpha", "beta", "gamma"].map(section).join("\n\n");

describe("ingestDocument", () => {
  it("embeds each chunk under its title and headings, and makes it searchable at once", async () => {
    expect(await put(three)).toMatchObject({ chunks: 3, embedded: 3, unchanged: false, degraded: false });
    expect(embedded.flat()[0]).toBe("Tides > alpha\nThe alpha section speaks of alphaalpha.");
    const found = await search("alpha");
    expect(found.degraded).toBe(false);
    expect(found.hits[0]).toMatchObject({
      chunk: { documentId: "doc_1", headingPath: ["alpha"] },
      lexicalScore: 1,
      vectorScore: 1,
    });
  });

  it("changes nothing when the same text comes again", async () => {
    await put(three);
    expect(await put(three)).toMatchObject({ chunks: 3, embedded: 0, unchanged: true });
    expect(vectors.calls).toEqual({ upserts: [3], deletions: [] });
  });

  it("embeds only what changed, also when everything moves", async () => {
    await put(three);
    embedded = [];
    expect(await put(`${section("new")}\n\n${three}`)).toMatchObject({ chunks: 4, embedded: 1 });
    expect(embedded.flat()).toEqual(["Tides > new\nThe new section speaks of newnew."]);
    expect(vectors.calls.deletions).toEqual([]);
    const { chunk } = (await search("gamma")).hits[0]!;
    expect(`${section("new")}\n\n${three}`.slice(chunk.start, chunk.end)).toBe(chunk.text);
  });

  it("removes the vectors of what is gone, and never uses their ids again", async () => {
    await put(three);
    const before = (await collection.readDocument("doc_1"))!.chunks.map(({ id }) => id);
    await put(section("alpha"));
    expect(vectors.calls.deletions).toEqual([2]);
    await put(three);
    const after = (await collection.readDocument("doc_1"))!.chunks.map(({ id }) => id);
    expect(after[0]).toBe(before[0]);
    expect(after.slice(1).some((id) => before.includes(id))).toBe(false);
    vectors.process(nowMs);
    expect(vectors.ids().toSorted()).toEqual(after.toSorted());
  });

  it("gives chunks ids of 43 characters, different in every project, collection and document", async () => {
    await put(section("alpha"));
    await put(section("alpha"), { id: "doc_2" });
    const ids = await Promise.all(
      ["doc_1", "doc_2"].map(async (id) => (await collection.readDocument(id))!.chunks[0]!.id),
    );
    expect(ids[0]).toMatch(/^[\w-]{43}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it("tells two chunks of the same text apart", async () => {
    const repeated = "## A\n\nSame.\n\n## B\n\nOther.\n\n## A\n\nSame.";
    expect(await put(repeated)).toMatchObject({ chunks: 3, embedded: 3 });
    expect(await put(`${repeated}\n\n## C\n\nMore.`)).toMatchObject({ chunks: 4, embedded: 1 });
  });

  it("keeps a document findable by its words while the embedding model is down, and embeds it when sent again", async () => {
    embeddingFails = new AppError("model_unavailable", "No embedding model answers.");
    expect(await put(three)).toMatchObject({ chunks: 3, embedded: 0, degraded: true });
    expect((await search("beta")).hits[0]?.chunk.headingPath).toEqual(["beta"]);
    embeddingFails = null;
    expect(await put(three)).toMatchObject({ embedded: 3, degraded: false, unchanged: false });
  });

  it("passes on a refusal to pay for embeddings, and stores nothing", async () => {
    embeddingFails = new AppError("budget_exceeded", "The daily budget is spent.");
    await expect(put(three)).rejects.toMatchObject({ code: "budget_exceeded" });
    expect(await collection.readDocument("doc_1")).toBeNull();
  });

  it("asks for another try when the vector index refuses, and stores nothing", async () => {
    vectors.fail("upsert");
    await expect(put(three)).rejects.toMatchObject({ code: "storage_unavailable", retryable: true });
    expect(await collection.listDocuments({ after: null, limit: 10 })).toEqual([]);
    vectors.fail();
    expect(await put(three)).toMatchObject({ embedded: 3 });
  });

  it("refuses the later of two writes that read the same version", async () => {
    const outcomes = await Promise.allSettled([put(three), put(section("alpha"))]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const rejected = outcomes.find((outcome) => outcome.status === "rejected");
    expect(rejected?.reason).toMatchObject({ code: "conflict" });
  });

  it("sends a large document in batches of at most 1,000 vectors", async () => {
    await put(Array.from({ length: 1100 }, (_, index) => `## S${index}\n\nText ${index}.`).join("\n\n"));
    expect(vectors.calls.upserts).toEqual([1000, 100]);
    await removeDocument(deps(), "doc_1");
    expect(Math.max(...vectors.calls.deletions)).toBe(100);
    expect(vectors.calls.deletions).toHaveLength(11);
  });

  it("refuses a document of too many chunks", async () => {
    const huge = Array.from({ length: maxChunks + 1 }, (_, index) => `# ${index}\n\na`).join("\n\n");
    await expect(put(huge)).rejects.toMatchObject({ code: "request_too_large" });
  });

  it("accepts an empty document", async () => {
    expect(await put("")).toMatchObject({ chunks: 0, embedded: 0, degraded: false });
  });
});

describe("removeDocument", () => {
  it("makes a document unfindable at once, while the vector index still shows it", async () => {
    await put(three);
    vectors.process(nowMs);
    expect(await removeDocument(deps(), "doc_1")).toBe(true);
    expect(vectors.ids()).toHaveLength(3);
    expect((await search("alpha")).hits).toEqual([]);
    expect(await removeDocument(deps(), "doc_1")).toBe(false);
  });

  it("deletes vectors later when the index is out of order", async () => {
    await put(three);
    vectors.fail("deleteByIds");
    expect(await removeDocument(deps(), "doc_1")).toBe(true);
    vectors.fail();
    await put(section("delta"), { id: "doc_2" });
    vectors.process(nowMs);
    expect(vectors.ids()).toHaveLength(1);
  });

  it("removes all documents of a collection", async () => {
    await put(three);
    await put(section("delta"), { id: "doc_2" });
    expect(await removeAllDocuments(deps())).toBe(2);
    vectors.process(nowMs);
    expect(vectors.ids()).toEqual([]);
    expect((await search("delta alpha")).hits).toEqual([]);
  });
});

describe("searchCollection", () => {
  it.each(["query", "describe"] as const)(
    "goes by words alone, and says so, when the index fails to %s",
    async (operation) => {
      await put(three);
      vectors.fail(operation);
      const found = await search("alpha");
      expect(found.degraded).toBe(true);
      expect(found.hits[0]).toMatchObject({ chunk: { headingPath: ["alpha"] }, vectorScore: null, score: 1 });
    },
  );

  it("goes by words alone, and says so, when the embedding model fails", async () => {
    await put(three);
    embeddingFails = new AppError("upstream_timeout", "The model did not answer in time.");
    expect(await search("alpha")).toMatchObject({ degraded: true });
  });

  it("passes on a refusal to pay", async () => {
    await put(three);
    embeddingFails = new AppError("rate_limited", "Too many requests.");
    await expect(search("alpha")).rejects.toMatchObject({ code: "rate_limited" });
  });

  it("finds by vector what shares no word with the text", async () => {
    await put(three);
    vectors.process(nowMs);
    // The heading is embedded with the chunk and in the word index, so the words of the query are kept apart here.
    const query = { ...queryFromText("alpha"), lexical: '"nothing"' };
    const found = await searchCollection(deps(), { projectId, collectionId, query, limit: 1 });
    expect(found.hits[0]).toMatchObject({ chunk: { headingPath: ["alpha"] }, lexicalScore: null });
  });

  it("sees nothing of another collection or project", async () => {
    await put(three);
    vectors.process(nowMs);
    const elsewhere = { ...deps(), collection: env.COLLECTION.getByName(`${projectId}/col_2`) };
    const query = queryFromText("alpha");
    expect((await searchCollection(elsewhere, { projectId, collectionId: "col_2", query, limit: 5 })).hits).toEqual([]);
    expect((await searchCollection(elsewhere, { projectId, collectionId, query, limit: 5 })).hits).toEqual([]);
  });
});
