/**
 * Gives every server-sent event of a stream a number, from 1, as its `id`: what a client that comes back sends as
 * `Last-Event-ID` (HTML Standard, 9.2). Whole events leave at once, half of one when the rest is there.
 */
export class EventNumbering {
  readonly #decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  readonly #encoder = new TextEncoder();
  #count = 0;
  #unfinished = "";

  push(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
    const text = this.#unfinished + this.#decoder.decode(chunk, { stream: true });
    const events = text.split("\n\n");
    this.#unfinished = events.pop() ?? "";
    return this.#encode(events.map((event) => `id: ${(this.#count += 1)}\n${event}\n\n`).join(""));
  }

  /** What stands after the last whole event. */
  rest(): Uint8Array<ArrayBuffer> {
    return this.#encode(this.#unfinished + this.#decoder.decode());
  }

  #encode(text: string): Uint8Array<ArrayBuffer> {
    // TextEncoder's own type allows shared memory, which storage does not take.
    return Uint8Array.from(this.#encoder.encode(text));
  }
}

/** Drops the first events of a numbered stream, given piece by piece. */
export function skipEvents(count: number): (piece: Uint8Array) => Uint8Array {
  const lineFeed = 10;
  let left = count;
  let wasLineFeed = false;
  return (piece) => {
    let at = 0;
    for (; left > 0 && at < piece.length; at += 1) {
      const isEnd = piece[at] === lineFeed && wasLineFeed;
      wasLineFeed = piece[at] === lineFeed && !isEnd;
      if (isEnd) left -= 1;
    }
    return piece.subarray(at);
  };
}
