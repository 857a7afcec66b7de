import { env } from "cloudflare:workers";
import { AppError } from "../../src/core/errors.ts";
import type { CollectionStore } from "../../src/retrieval/collection-store.ts";
import { ingestDocument } from "../../src/retrieval/ingest.ts";
import { searchCollection } from "../../src/retrieval/search.ts";
import { queryFromMessages, type RetrievalQuery } from "../../src/retrieval/query.ts";
import type { ChatMessage } from "../../src/core/chat.ts";
import { handbook } from "./handbook.ts";
import { MemoryVectorIndex } from "./memory-vector-index.ts";

/** No embedding model: what is measured is the words' side, which every deployment has. */
const noEmbedding = async (): Promise<number[][]> => {
  throw new AppError("model_unavailable", "No embedding model answers.");
};

/** The sample handbook in a collection of its own; answers a function that asks it. */
export async function ingestHandbook(): Promise<
  (messages: ChatMessage[]) => Promise<{ query: RetrievalQuery } & Awaited<ReturnType<typeof searchCollection>>>
> {
  const projectId = crypto.randomUUID();
  const collection: CollectionStore = env.COLLECTION.getByName(`${projectId}/handbook`);
  const deps = { collection, vectors: new MemoryVectorIndex(), embed: noEmbedding, clock: () => 0 };
  for (const { name, text } of handbook.documents) {
    const title = /^# (.+)$/m.exec(text)?.[1] ?? name;
    await ingestDocument(deps, {
      projectId,
      collectionId: "handbook",
      document: { id: name, title, format: "markdown", text },
    });
  }
  return async (messages) => {
    const query = queryFromMessages(messages);
    const found = await searchCollection(deps, { projectId, collectionId: "handbook", query, limit: 8 });
    return { query, ...found };
  };
}
