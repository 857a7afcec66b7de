import { AppError } from "../core/errors.ts";
import type { Limits } from "../core/meter.ts";
import type { KeyRow } from "../db/key-store.ts";

/** What the meter must know of a key besides what the key itself proves. */
export interface KeyStanding {
  live: boolean;
  expiresAtMs: number | null;
  /** `undefined` fields fall back to the deployment's defaults. */
  limits: Partial<Limits>;
}

/** Used as it is for so long… */
const freshMs = 4_000;
/** …then refreshed behind the answer, and for no longer than this: with it a revocation holds everywhere within 10 s. */
const usableMs = 9_000;
/** With D1 out of reach, the last known standing serves this long. */
const outageMs = 3_600_000;

interface Known {
  standing: KeyStanding;
  readAtMs: number;
}

/** A meter's view of its keys: read from D1 at most every few seconds, remembered in the object for when D1 is down. */
export class KeyStandings {
  readonly #known = new Map<string, Known>();
  readonly #reading = new Map<string, Promise<KeyStanding | null>>();
  readonly #storage: DurableObjectStorage;
  readonly #findKey: (keyId: string) => Promise<KeyRow | null>;

  constructor(storage: DurableObjectStorage, findKey: (keyId: string) => Promise<KeyRow | null>) {
    this.#storage = storage;
    this.#findKey = findKey;
  }

  /** `null` when there is no such key. Throws `storage_unavailable` when nobody can say. */
  async standingOf(keyId: string, nowMs: number): Promise<KeyStanding | null> {
    const known = this.#known.get(keyId);
    const ageMs = known === undefined ? Infinity : nowMs - known.readAtMs;
    if (known !== undefined && ageMs < freshMs) return known.standing;
    const reading = this.#read(keyId, nowMs);
    if (known !== undefined && ageMs < usableMs) {
      reading.catch(() => undefined);
      return known.standing;
    }
    try {
      return await reading;
    } catch (cause) {
      // A database without tables is a deployment to finish, not an outage to bridge.
      if (cause instanceof AppError && cause.code === "not_ready") throw cause;
      const remembered = known ?? this.#storage.kv.get<Known>(`key:${keyId}`);
      if (remembered !== undefined && nowMs - remembered.readAtMs < outageMs) return remembered.standing;
      throw cause;
    }
  }

  async #read(keyId: string, nowMs: number): Promise<KeyStanding | null> {
    const running = this.#reading.get(keyId);
    if (running !== undefined) return running;
    const reading = (async () => {
      const row = await this.#findKey(keyId);
      if (row === null) {
        this.#known.delete(keyId);
        this.#storage.kv.delete(`key:${keyId}`);
        return null;
      }
      const standing = standingOfRow(row);
      const before = this.#known.get(keyId)?.standing;
      this.#known.set(keyId, { standing, readAtMs: nowMs });
      // A row write costs money: only what changed is written.
      if (JSON.stringify(before) !== JSON.stringify(standing))
        this.#storage.kv.put(`key:${keyId}`, { standing, readAtMs: nowMs });
      return standing;
    })().finally(() => this.#reading.delete(keyId));
    this.#reading.set(keyId, reading);
    return reading;
  }
}

function standingOfRow(row: KeyRow): KeyStanding {
  return {
    live: row.revokedAtMs === null,
    expiresAtMs: row.expiresAtMs,
    limits: {
      ...(row.requestsPerMinute === null ? {} : { requestsPerMinute: row.requestsPerMinute }),
      ...(row.tokensPerMinute === null ? {} : { tokensPerMinute: row.tokensPerMinute }),
      ...(row.dailyBudgetMicros === null ? {} : { dailyBudgetMicros: row.dailyBudgetMicros }),
      ...(row.monthlyBudgetMicros === null ? {} : { monthlyBudgetMicros: row.monthlyBudgetMicros }),
    },
  };
}
