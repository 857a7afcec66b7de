/**
 * A stream's bytes in pieces of whatever came while the last piece was worked on: a stream of many small chunks costs as few
 * writes as the storage can follow, and one of slow chunks is not held back. Reads at most about `maxBytes` ahead.
 */
export async function* gatherChunks(
  source: ReadableStream<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void> {
  const reader = source.getReader();
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let isOver = false;
  let news = Promise.withResolvers<void>();
  let room = Promise.withResolvers<void>();

  async function pump(): Promise<void> {
    try {
      for (;;) {
        while (waitingBytes >= maxBytes) await room.promise;
        const { done, value } = await reader.read();
        if (done) return;
        waiting.push(value);
        waitingBytes += value.length;
        news.resolve();
      }
    } finally {
      isOver = true;
      news.resolve();
    }
  }

  const pumping = pump();
  // Its failure is thrown below, once what came before it was given out.
  pumping.catch(() => undefined);
  try {
    for (;;) {
      if (waiting.length > 0) {
        const piece = waiting.length === 1 ? waiting[0] : Buffer.concat(waiting);
        waiting = [];
        waitingBytes = 0;
        room.resolve();
        room = Promise.withResolvers<void>();
        if (piece !== undefined) yield piece;
      } else if (isOver) {
        return await pumping;
      } else {
        await news.promise;
        news = Promise.withResolvers<void>();
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
