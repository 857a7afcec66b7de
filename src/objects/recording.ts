import { logError } from "../telemetry/log.ts";
import { skipEvents } from "./number-events.ts";

export interface RecordingDeps {
  storage: DurableObjectStorage;
  bucket: R2Bucket;
  /** The recording's own place in the bucket, with a slash at its end. */
  path: string;
  /** Encryption under the subject's key: nothing is stored as it is. */
  seal(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  open(sealed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

interface Segment extends Record<string, SqlStorageValue> {
  start: number;
  size: number;
  /** `null` when it is in the bucket. */
  sealed: ArrayBuffer | null;
}

/** A row of SQLite in an object holds at most 2 MB. */
export const segmentBytes = 512 * 1024;
/** What lies in the object; beyond it goes to the bucket, in pieces of about this size. */
const spillBytes = 1024 * 1024;
/** More than any model answers; what is longer ends in an error rather than in a bill for storage. */
export const maxRecordedBytes = 64 * 1024 * 1024;

/**
 * The bytes of one response: stored as they come, and read from storage by any number of readers, each at its own pace, so that
 * memory holds one piece a reader whatever the length. Readers that have seen all there is wait to be woken.
 */
export class Recording {
  readonly #deps: RecordingDeps;
  readonly #sql: SqlStorage;
  #length: number;
  #inlineBytes: number;
  #spillAtBytes = spillBytes;
  #end: "open" | "whole" | "broken";
  #news = Promise.withResolvers<void>();
  #readers = 0;

  /** One that is `open` starts empty; a `whole` one is in storage already. */
  constructor(end: "open" | "whole", deps: RecordingDeps) {
    this.#deps = deps;
    this.#sql = deps.storage.sql;
    this.#end = end;
    this.#sql.exec(
      "create table if not exists segment (start integer primary key, size integer not null, sealed blob)",
    );
    if (end === "open") this.#sql.exec("delete from segment");
    const { length, inline } = this.#sql
      .exec<{ length: number; inline: number }>(
        "select coalesce(sum(size), 0) length, coalesce(sum(size) filter (where sealed is not null), 0) inline from segment",
      )
      .one();
    this.#length = length;
    this.#inlineBytes = inline;
  }

  /** Streams that are still being read. */
  get readers(): number {
    return this.#readers;
  }

  /** One call at a time. Throws when the response is too long to keep. */
  async append(bytes: Uint8Array): Promise<void> {
    if (this.#length + bytes.length > maxRecordedBytes) throw new Error("the response is too long to keep");
    for (let at = 0; at < bytes.length; at += segmentBytes) {
      const piece = Uint8Array.from(bytes.subarray(at, at + segmentBytes));
      const sealed = await this.#deps.seal(piece);
      this.#sql.exec("insert into segment values (?, ?, ?)", this.#length, piece.length, sealed.buffer);
      this.#length += piece.length;
      this.#inlineBytes += piece.length;
      this.#wake();
      if (this.#inlineBytes >= this.#spillAtBytes) await this.#spill();
    }
  }

  /** Nothing more will come: `whole` closes the readers' streams, `broken` breaks them. */
  end(how: "whole" | "broken"): void {
    this.#end = how;
    this.#wake();
  }

  /** Whether it can be decrypted: its subject's key may have been destroyed. */
  async isReadable(): Promise<boolean> {
    if (this.#length === 0) return true;
    return this.#read(0).then(
      () => true,
      () => false,
    );
  }

  /** All of it, from the first byte to the last that will come; without its first events when these were seen. */
  stream(seenEvents: number): ReadableStream<Uint8Array> {
    const unseen = skipEvents(seenEvents);
    let offset = 0;
    let isOver = false;
    let isCounted = false;
    const stop = () => {
      if (isCounted && !isOver) this.#readers -= 1;
      isOver = true;
    };
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          // Counted once it is read: of a stream that never reached its reader, nobody hears again.
          if (!isCounted) this.#readers += 1;
          isCounted = true;
          while (!isOver) {
            if (offset < this.#length) {
              const stored = await this.#read(offset);
              offset += stored.length;
              const piece = unseen(stored);
              if (piece.length === 0) continue;
              controller.enqueue(piece);
              return;
            }
            if (this.#end !== "open") {
              stop();
              if (this.#end === "broken") throw new Error("the run ended before its response did");
              return controller.close();
            }
            await this.#news.promise;
          }
        },
        cancel: stop,
      },
      { highWaterMark: 0 },
    );
  }

  /** The rest of the segment that `offset` lies in. */
  async #read(offset: number): Promise<Uint8Array<ArrayBuffer>> {
    const segment = this.#sql
      .exec<Segment>("select start, size, sealed from segment where start <= ? order by start desc limit 1", offset)
      .one();
    const plain = await this.#deps.open(new Uint8Array(segment.sealed ?? (await this.#fetch(segment.start))));
    return plain.subarray(offset - segment.start);
  }

  async #fetch(start: number): Promise<ArrayBuffer> {
    const object = await this.#deps.bucket.get(this.#deps.path + start);
    if (object === null) throw new Error("a piece of the recording is gone");
    return object.arrayBuffer();
  }

  /** Moves what lies in the object to the bucket. Where that cannot be reached it stays, and the next piece tries again. */
  async #spill(): Promise<void> {
    const { segments, start, end } = this.#listInline();
    const plain = new Uint8Array(end - start);
    for (const { start: from, sealed } of segments)
      if (sealed !== null) plain.set(await this.#deps.open(new Uint8Array(sealed)), from - start);
    try {
      await this.#deps.bucket.put(this.#deps.path + start, await this.#deps.seal(plain));
    } catch (cause) {
      logError("replay.spill_failed", { bytes: plain.length }, cause);
      this.#spillAtBytes = this.#inlineBytes + spillBytes;
      return;
    }
    this.#deps.storage.transactionSync(() => {
      this.#sql.exec("delete from segment where start >= ? and start < ?", start, end);
      this.#sql.exec("insert into segment values (?, ?, null)", start, plain.length);
    });
    this.#inlineBytes -= plain.length;
    this.#spillAtBytes = spillBytes;
  }

  /** The first of what lies in the object, as much as goes to the bucket in one piece. */
  #listInline(): { segments: Segment[]; start: number; end: number } {
    const cursor = this.#sql.exec<Segment>(
      "select start, size, sealed from segment where sealed is not null order by start",
    );
    const segments: Segment[] = [];
    let end = 0;
    for (const segment of cursor) {
      segments.push(segment);
      end = segment.start + segment.size;
      if (end - (segments[0]?.start ?? 0) >= spillBytes) break;
    }
    return { segments, start: segments[0]?.start ?? 0, end };
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }
}
