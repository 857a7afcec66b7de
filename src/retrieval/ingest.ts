import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import { sha256Base64Url } from "../core/hash.ts";
import { chunkDocument, type DocumentFormat, type Piece } from "./chunk.ts";
import { chunkIdOf } from "./chunk-id.ts";
import type { ChunkWrite, CollectionStore, PendingVectors, StoredDocument } from "./collection-store.ts";
import { embedAll, type Embed } from "./embed.ts";
import { packVectors } from "./pack-vectors.ts";
import { removeStaleVectors } from "./remove.ts";
import { maxUpsertVectors, type VectorIndex } from "./vector-index.ts";

export interface IngestDeps {
  collection: CollectionStore;
  vectors: VectorIndex;
  embed: Embed;
  clock: Clock;
}

export interface IngestRequest {
  projectId: string;
  collectionId: string;
  document: { id: string; title: string; format: DocumentFormat; text: string };
}

export interface IngestResult {
  contentHash: string;
  chunks: number;
  /** How many were embedded now: only what changed. */
  embedded: number;
  unchanged: boolean;
  /** True when the chunks are found by their words alone, until the document is sent again. */
  degraded: boolean;
}

/** 4,000 vectors of 1,536 dimensions are 24 MB, below the 32 MB that one call to a Durable Object may carry. */
export const maxChunks = 4000;

/** Headings are repeated with every chunk below them: a long one must not be paid for a thousand times. */
const maxHeadingCharacters = 200;
const maxPathCharacters = 400;

interface Planned {
  chunk: ChunkWrite;
  embeddedText: string;
}

/**
 * Makes the collection hold this version of the document. Idempotent: the same text again changes nothing, and a call that failed
 * half-way may be repeated. Throws `request_too_large`, `conflict`, and what `embed` refuses.
 */
export async function ingestDocument(deps: IngestDeps, request: IngestRequest): Promise<IngestResult> {
  const { document } = request;
  const contentHash = await sha256Base64Url(JSON.stringify([document.title, document.format, document.text]));
  const stored = await deps.collection.readDocument(document.id);
  if (stored !== null && stored.contentHash === contentHash && stored.chunks.every(({ vectorised }) => vectorised)) {
    await removeStaleVectors(deps);
    return { contentHash, chunks: stored.chunks.length, embedded: 0, unchanged: true, degraded: false };
  }
  const planned = await planChunks(request, stored);
  const fresh = planned.filter(({ chunk }) => !chunk.vectorised);
  const pending = await indexVectors(deps, request, fresh);
  const done = await deps.collection.putDocument({
    document: { id: document.id, title: document.title, contentHash },
    expectedGeneration: stored?.generation ?? 0,
    chunks: planned.map(({ chunk }) => ({ ...chunk, vectorised: chunk.vectorised || pending !== null })),
    vectors: pending,
    atMs: deps.clock(),
  });
  if (done.outcome === "conflict") {
    throw new AppError("conflict", "The document was changed by another request at the same time; send it again.", {
      retryable: true,
    });
  }
  await removeStaleVectors(deps);
  const embedded = pending === null ? 0 : fresh.length;
  return { contentHash, chunks: planned.length, embedded, unchanged: false, degraded: fresh.length > embedded };
}

/** Names the chunks: a text that was in the document before keeps its id and its vector, wherever it stands now. */
async function planChunks(
  { projectId, collectionId, document }: IngestRequest,
  stored: StoredDocument | null,
): Promise<Planned[]> {
  const pieces = chunkDocument(document.text, document.format);
  if (pieces.length > maxChunks) {
    throw new AppError(
      "request_too_large",
      `The document has ${pieces.length} chunks; at most ${maxChunks} fit: split it.`,
    );
  }
  const known = Map.groupBy(stored?.chunks ?? [], ({ textHash }) => textHash);
  const generation = (stored?.generation ?? 0) + 1;
  return Promise.all(
    pieces.map(async (piece): Promise<Planned> => {
      const embeddedText = embeddedTextOf(document.title, piece);
      const textHash = await sha256Base64Url(embeddedText);
      const before = known.get(textHash)?.shift();
      const identity = {
        projectId,
        collectionId,
        documentId: document.id,
        ordinal: piece.ordinal,
        textHash,
        generation,
      };
      const chunk: ChunkWrite = {
        ...piece,
        id: before?.id ?? (await chunkIdOf(identity)),
        documentId: document.id,
        documentTitle: document.title,
        textHash,
        vectorised: before?.vectorised ?? false,
      };
      return { chunk, embeddedText };
    }),
  );
}

/** A chunk is embedded under its title and headings: "at most 14 days" alone says nothing of what. */
function embeddedTextOf(title: string, { headingPath, tableHeader, text }: Piece): string {
  const headings = [title, ...headingPath].filter((heading, index, all) => heading !== all[index - 1]);
  const path = headings.map((heading) => heading.slice(0, maxHeadingCharacters)).join(" > ");
  const columns = tableHeader === undefined ? [] : [tableHeader.join(" | ").slice(0, maxHeadingCharacters)];
  return [path.slice(0, maxPathCharacters), ...columns, text].join("\n");
}

/** Before the chunks are stored: a crash between leaves vectors that nothing names, and the next attempt writes the same ids. */
async function indexVectors(
  deps: IngestDeps,
  request: IngestRequest,
  fresh: readonly Planned[],
): Promise<PendingVectors | null> {
  if (fresh.length === 0) return null;
  const embedded = await embedAll(
    deps.embed,
    fresh.map(({ embeddedText }) => embeddedText),
  );
  if (embedded === null) return null;
  const metadata = { collection: request.collectionId, document: request.document.id };
  const records = fresh.map(({ chunk: { id } }, index) => ({
    id,
    values: embedded[index] ?? [],
    namespace: request.projectId,
    metadata,
  }));
  let mutationId = "";
  try {
    for (let from = 0; from < records.length; from += maxUpsertVectors) {
      ({ mutationId } = await deps.vectors.upsert(records.slice(from, from + maxUpsertVectors)));
    }
  } catch (cause) {
    throw new AppError("storage_unavailable", "The vector index did not accept the document; send it again.", {
      retryable: true,
      cause,
    });
  }
  return {
    chunkIds: fresh.map(({ chunk }) => chunk.id),
    ...packVectors(embedded),
    mutationId,
    submittedAtMs: deps.clock(),
  };
}
