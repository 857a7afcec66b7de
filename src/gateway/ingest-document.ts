import { sha256Hex } from "../core/hash.ts";
import { upperBoundOf } from "../core/money.ts";
import { changeRecord } from "../core/records.ts";
import type { CollectionStore as CollectionRows, DocumentRow } from "../db/collection-store.ts";
import type { CollectionStore } from "../retrieval/collection-store.ts";
import { ingestDocument as ingestInto } from "../retrieval/ingest.ts";
import type { VectorIndex } from "../retrieval/vector-index.ts";
import { codeOf, noUsage, usageRow, type CallIdentity } from "./account-call.ts";
import { embedTexts } from "./embed-texts.ts";
import { boundTokens } from "./bound-tokens.ts";
import { openHold } from "./hold.ts";
import { holdDeps } from "./prepare.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { noSuchCollection } from "./searchable-collection.ts";

export interface IngestDeps extends GatewayDeps {
  collections: CollectionRows;
  vectors: VectorIndex;
  indexOf(projectId: string, collectionId: string): CollectionStore;
}

export interface IngestRequest {
  collectionId: string;
  /** The caller's own name for the document: the same name again is a new version. */
  externalId: string;
  title: string;
  contentType: "text/markdown" | "text/plain";
  text: string;
}

export interface Ingested {
  row: DocumentRow;
  status: "created" | "updated" | "unchanged";
  /** Chunks embedded by this call: only what changed. */
  embedded: number;
  /** True when the document is found by its words alone, until it is sent again. */
  degraded: boolean;
  costMicros: number;
}

/** Brings one document into a collection, with what its embeddings cost accounted for. Sending it again changes nothing. */
export async function ingestDocument(request: IngestRequest, scope: RequestScope, deps: IngestDeps): Promise<Ingested> {
  const { principal, trace } = scope;
  const { projectId } = principal;
  const { collectionId, externalId, title, contentType, text } = request;
  const card = deps.retrievalModel;
  const tokens = boundTokens(title + text);
  const boundOf = (count: number) => ({
    costMicros: card.price === null ? 0 : upperBoundOf({ input: count, output: 0 }, card.price),
    tokens: count,
  });
  let embeddedTokens = 0;
  const identity: CallIdentity = {
    principal,
    traceId: trace.traceId,
    extension: { feature: "ingestion" },
    prompt: null,
  };
  const draft = {
    operation: "embeddings",
    card,
    usage: { ...noUsage, inputTokens: tokens },
    startMs: deps.clock(),
  } as const;
  const hold = await openHold(holdDeps(scope, deps), {
    action: scope.action,
    target: collectionId,
    bound: boundOf(tokens),
    usage: usageRow(identity, { ...draft, firstTokenMs: null, outputHash: null, outcome: "running" }, deps.clock),
  });
  try {
    if ((await deps.collections.findCollection(projectId, collectionId)) === null) throw noSuchCollection("id");
    const before = await deps.collections.findDocumentByExternalId(projectId, collectionId, externalId);
    const id = before?.id ?? (await documentIdOf(collectionId, externalId));
    const done = await ingestInto(
      {
        collection: deps.indexOf(projectId, collectionId),
        vectors: deps.vectors,
        clock: deps.clock,
        async embed(texts) {
          // Chunks carry their headings, so together they are longer than the document: each batch is inside the hold first.
          embeddedTokens += texts.reduce((total, each) => total + boundTokens(each), 0);
          if (embeddedTokens > hold.bound.tokens) await hold.rebound(boundOf(embeddedTokens));
          return (await embedTexts({ card, inputs: texts, identity, hold }, scope, deps)).vectors;
        },
      },
      {
        projectId,
        collectionId,
        document: { id, title, format: contentType === "text/markdown" ? "markdown" : "plain", text },
      },
    );
    const nowMs = deps.clock();
    const row: DocumentRow = {
      id,
      projectId,
      collectionId,
      externalId,
      title,
      contentType,
      contentHash: done.contentHash,
      characters: text.length,
      chunks: done.chunks,
      createdAtMs: before?.createdAtMs ?? nowMs,
      updatedAtMs: nowMs,
    };
    const status = before === null ? "created" : done.unchanged ? "unchanged" : "updated";
    if (status !== "unchanged") {
      const detail = { collection: collectionId, content_hash: done.contentHash, chunks: done.chunks };
      const record = changeRecord({
        principal,
        traceId: trace.traceId,
        atMs: nowMs,
        action: "document.put",
        target: id,
        detail,
      });
      await deps.collections.putDocument(row, record);
    }
    hold.settle({ outcome: "ok", target: id, detail: { status, chunks: done.chunks, embedded: done.embedded } });
    return { row, status, embedded: done.embedded, degraded: done.degraded, costMicros: hold.costMicros };
  } catch (cause) {
    hold.settle({ outcome: codeOf(cause) });
    throw cause;
  }
}

/** From the name, so that an ingestion that died before its row was written finds its chunks again. */
async function documentIdOf(collectionId: string, externalId: string): Promise<string> {
  return `doc_${(await sha256Hex(`${collectionId}\n${externalId}`)).slice(0, 24)}`;
}
