import { utcDay } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { SecretKeys } from "../core/secret-keys.ts";

/** What one request said and was told. Kept apart from every row, encrypted under its subject's key, for a limited time. */
export interface StoredContent {
  request: unknown;
  response: unknown;
}

export interface ContentStore {
  write(place: ContentPlace, content: StoredContent): Promise<void>;
  /** `null` when it was never kept, or its time is over. */
  read(place: ContentPlace): Promise<StoredContent | null>;
  /** Deletes whole days older than the retention; returns how many objects went. */
  prune(nowMs: number): Promise<number>;
}

export interface ContentPlace {
  projectId: string;
  traceId: string;
  atMs: number;
  /** The subject's key, sealed. */
  contentKey: string;
}

const dayMs = 86_400_000;

/** R2 objects `content/<UTC day>/<project>/<trace id>`: a day's objects can be found, and expire, together. */
export function createContentStore({
  bucket,
  keys,
  retentionDays,
}: {
  bucket: R2Bucket;
  keys: SecretKeys;
  retentionDays: number;
}): ContentStore {
  const pathOf = ({ projectId, traceId, atMs }: ContentPlace) => `content/${utcDay(atMs)}/${projectId}/${traceId}`;

  return {
    async write(place, content) {
      if (retentionDays === 0) return;
      await bucket.put(pathOf(place), await keys.encrypt(place.contentKey, JSON.stringify(content)));
    },
    async read(place) {
      const object = await bucket.get(pathOf(place));
      if (object === null) return null;
      try {
        // Written by write() from a StoredContent; AES-GCM refuses anything else.
        return JSON.parse(
          await keys.decrypt(place.contentKey, new Uint8Array(await object.arrayBuffer())),
        ) as StoredContent;
      } catch (cause) {
        throw new AppError(
          "not_found",
          "The content of this trace can no longer be read: its key was destroyed or replaced.",
          { cause },
        );
      }
    },
    async prune(nowMs) {
      const lastKept = utcDay(nowMs - retentionDays * dayMs);
      let deleted = 0;
      for (;;) {
        // Days sort as text, so what is too old comes first.
        const page = await bucket.list({ prefix: "content/", limit: 1000 });
        const old = page.objects
          .map((object) => object.key)
          .filter((key) => key.slice("content/".length, "content/".length + 10) < lastKept);
        if (old.length === 0) return deleted;
        await bucket.delete(old);
        deleted += old.length;
      }
    },
  };
}
