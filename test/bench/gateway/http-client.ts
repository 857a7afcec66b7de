import { connect, type Socket } from "node:net";

/** One answered request; times in milliseconds since it was sent. */
export interface Exchange {
  ttfbMs: number;
  totalMs: number;
  /** What was wrong with the answer, or `null`. */
  error: string | null;
}

export interface Call {
  request: Buffer;
  /** Text that a whole answer contains. */
  mark: string;
}

const crlf2 = Buffer.from("\r\n\r\n");

/**
 * One kept-alive HTTP/1.1 connection that sends the same request again and again. By hand, because node:http costs the load
 * generator 100 µs a request, which on two cores would be taken from the target.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #closed: Promise<string>;
  #onData: ((data: Buffer) => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve("the connection was closed")));
    socket.on("error", () => undefined);
    socket.on("data", (data) => this.#onData?.(data));
  }

  static open({ host, port }: { host: string; port: number }): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true }, () => resolve(new Connection(socket)));
      socket.once("error", reject);
    });
  }

  send({ request, mark }: Call): Promise<Exchange> {
    const startMs = performance.now();
    let ttfbMs = 0;
    let buffered: Buffer = Buffer.alloc(0);
    const answered = new Promise<string | null>((resolve) => {
      this.#onData = (data) => {
        buffered = buffered.length === 0 ? data : Buffer.concat([buffered, data]);
        const headEnd = buffered.indexOf(crlf2);
        if (headEnd < 0) return;
        const bodyStart = headEnd + crlf2.length;
        if (ttfbMs === 0 && buffered.length > bodyStart) ttfbMs = performance.now() - startMs;
        const head = buffered.toString("latin1", 0, headEnd);
        if (!isWhole(head, buffered, bodyStart)) return;
        const body = buffered.toString("utf8", bodyStart);
        const status = head.slice(9, 12);
        resolve(status === "200" && body.includes(mark) ? null : `${status} ${body.slice(0, 300)}`);
      };
    });
    this.#socket.write(request);
    return Promise.race([answered, this.#closed]).then((error) => {
      this.#onData = null;
      const totalMs = performance.now() - startMs;
      return { ttfbMs: ttfbMs || totalMs, totalMs, error };
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A chunked body ends with its empty chunk, which no text of ours contains; any other has a length. */
function isWhole(head: string, buffered: Buffer, bodyStart: number): boolean {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return buffered.length >= bodyStart + Number(length);
  return buffered.subarray(-5).toString("latin1") === "0\r\n\r\n";
}
