import { WireError } from "./wire-error.ts";

/** Lets one request at a time use the model; the others wait in order, and past `maxWaiting` are refused with 503. */
export class RequestQueue {
  #running = false;
  readonly #waiting: (() => void)[] = [];
  readonly #maxWaiting: number;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  get size(): { running: number; waiting: number } {
    return { running: this.#running ? 1 : 0, waiting: this.#waiting.length };
  }

  /** Resolves with the turn's release once it is this request's turn. Rejects when the queue is full or `signal` aborts. */
  async enter(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#running) {
      if (this.#waiting.length >= this.#maxWaiting) {
        throw new WireError(503, "queue_full", "The local model is busy and its queue is full: try again in a moment.");
      }
      await this.#turn(signal);
    }
    this.#running = true;
    return { [Symbol.dispose]: () => this.#release() };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        reject(signal.reason);
      };
      this.#waiting.push(start);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    // The turn passes on without a gap, so that a newcomer cannot overtake the first in line.
    if (next) next();
    else this.#running = false;
  }
}
