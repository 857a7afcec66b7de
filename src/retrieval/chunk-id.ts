import { sha256Base64Url } from "../core/hash.ts";

export interface ChunkIdentity {
  projectId: string;
  collectionId: string;
  documentId: string;
  ordinal: number;
  /** SHA-256 of what is embedded. */
  textHash: string;
  /** The document's write it was born in: an id that was deleted never comes back, so a late deletion cannot hit its successor. */
  generation: number;
}

/** A chunk's id, 43 characters: Vectorize takes at most 64 bytes. */
export async function chunkIdOf(identity: ChunkIdentity): Promise<string> {
  const { projectId, collectionId, documentId, ordinal, textHash, generation } = identity;
  return sha256Base64Url(JSON.stringify([projectId, collectionId, documentId, ordinal, textHash, generation]));
}
