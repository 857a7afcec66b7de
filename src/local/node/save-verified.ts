import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/**
 * Writes a stream to `path` only if its SHA-256 is the pinned one: the bytes go to a temporary file beside it, are hashed on
 * the way, and are renamed into place at the end. Throws, and leaves nothing behind, when the hash differs.
 */
export async function saveVerified(
  source: Readable,
  { path, sha256, onBytes }: { path: string; sha256: string; onBytes: (doneBytes: number) => void },
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.tmp-${process.pid}-${Date.now()}`;
  const hash = createHash("sha256");
  let doneBytes = 0;
  try {
    await pipeline(
      source,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          doneBytes += chunk.length;
          onBytes(doneBytes);
          yield chunk;
        }
      },
      createWriteStream(temporary),
    );
    const actual = hash.digest("hex");
    if (actual !== sha256) {
      throw new Error(`The downloaded file's SHA-256 is ${actual}, not the pinned ${sha256}: it was thrown away.`);
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** SHA-256 of a file, lower-case hex, or `null` when it is not there. */
export async function sha256OfFile(path: string): Promise<string | null> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
  return hash.digest("hex");
}
