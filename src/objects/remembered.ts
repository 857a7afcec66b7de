import { AppError } from "../core/errors.ts";

/** Used as it is for so long… */
const freshMs = 4_000;
/** …then refreshed behind the answer, and for no longer than this: with it a change holds everywhere within 10 s. */
const usableMs = 9_000;
/** With D1 out of reach, what was last known serves this long. */
const outageMs = 3_600_000;
/** An object that was evicted knows only when the value was stored: what holds unchanged is stored again after this. */
const storeAgainMs = outageMs / 2;

interface Known<Value> {
  value: Value;
  readAtMs: number;
}

/** What an object knows of D1: read at most every few seconds, remembered in the object for when D1 is down. */
export class Remembered<Value> {
  readonly #known = new Map<string, Known<Value>>();
  readonly #storedAtMs = new Map<string, number>();
  readonly #reading = new Map<string, Promise<Value | null>>();
  readonly #storage: DurableObjectStorage;
  readonly #prefix: string;
  readonly #read: (name: string) => Promise<Value | null>;

  /** `prefix` tells what is remembered here from all else in the object's storage. */
  constructor(storage: DurableObjectStorage, prefix: string, read: (name: string) => Promise<Value | null>) {
    this.#storage = storage;
    this.#prefix = prefix;
    this.#read = read;
  }

  /** The value when it is fresh enough to be used without a wait. */
  peek(name: string, nowMs: number): Value | undefined {
    const known = this.#known.get(name);
    return known !== undefined && nowMs - known.readAtMs < freshMs ? known.value : undefined;
  }

  /** `null` when there is no such thing. Throws `storage_unavailable` when nobody can say. */
  async valueOf(name: string, nowMs: number): Promise<Value | null> {
    const known = this.#known.get(name);
    const ageMs = known === undefined ? Infinity : nowMs - known.readAtMs;
    if (known !== undefined && ageMs < freshMs) return known.value;
    const reading = this.refresh(name, nowMs);
    if (known !== undefined && ageMs < usableMs) {
      reading.catch(() => undefined);
      return known.value;
    }
    try {
      return await reading;
    } catch (cause) {
      // A database without tables is a deployment to finish, not an outage to bridge.
      if (cause instanceof AppError && cause.code === "not_ready") throw cause;
      const remembered = known ?? this.#storage.kv.get<Known<Value>>(this.#prefix + name);
      if (remembered !== undefined && nowMs - remembered.readAtMs < outageMs) return remembered.value;
      throw cause;
    }
  }

  /** Reads now, whatever is known; readers at the same time share one query. */
  async refresh(name: string, nowMs: number): Promise<Value | null> {
    const running = this.#reading.get(name);
    if (running !== undefined) return running;
    const reading = this.#readNow(name, nowMs).finally(() => this.#reading.delete(name));
    this.#reading.set(name, reading);
    return reading;
  }

  async #readNow(name: string, nowMs: number): Promise<Value | null> {
    const value = await this.#read(name);
    if (value === null) {
      this.#known.delete(name);
      this.#storedAtMs.delete(name);
      this.#storage.kv.delete(this.#prefix + name);
      return null;
    }
    const before = this.#known.get(name)?.value;
    this.#known.set(name, { value, readAtMs: nowMs });
    // A row write costs money: only what changed is written, or would soon be too old to serve.
    const storedAtMs = this.#storedAtMs.get(name) ?? -Infinity;
    if (JSON.stringify(before) !== JSON.stringify(value) || nowMs - storedAtMs > storeAgainMs) {
      this.#storage.kv.put(this.#prefix + name, { value, readAtMs: nowMs });
      this.#storedAtMs.set(name, nowMs);
    }
    return value;
  }
}
