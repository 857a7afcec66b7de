import type { Limits } from "../core/meter.ts";
import type { KeyRow } from "../db/key-store.ts";
import { Remembered } from "./remembered.ts";

/** What the meter must know of a key besides what the key itself proves. */
export interface KeyStanding {
  live: boolean;
  expiresAtMs: number | null;
  /** `undefined` fields fall back to the deployment's defaults. */
  limits: Partial<Limits>;
}

/** A meter's view of its keys. */
export class KeyStandings {
  readonly #standings: Remembered<KeyStanding>;

  constructor(storage: DurableObjectStorage, findKey: (keyId: string) => Promise<KeyRow | null>) {
    this.#standings = new Remembered(storage, "standing:", async (keyId) => {
      const row = await findKey(keyId);
      return row === null
        ? null
        : { live: row.revokedAtMs === null, expiresAtMs: row.expiresAtMs, limits: setLimits(row) };
    });
  }

  /** `null` when there is no such key. Throws `storage_unavailable` when nobody can say. */
  async standingOf(keyId: string, nowMs: number): Promise<KeyStanding | null> {
    return await this.#standings.valueOf(keyId, nowMs);
  }
}

/** The limits that a row sets; what it leaves open is not there. */
export function setLimits(row: Limits): Partial<Limits> {
  return {
    ...(row.requestsPerMinute === null ? {} : { requestsPerMinute: row.requestsPerMinute }),
    ...(row.tokensPerMinute === null ? {} : { tokensPerMinute: row.tokensPerMinute }),
    ...(row.dailyBudgetMicros === null ? {} : { dailyBudgetMicros: row.dailyBudgetMicros }),
    ...(row.monthlyBudgetMicros === null ? {} : { monthlyBudgetMicros: row.monthlyBudgetMicros }),
  };
}

/** Neither revoked nor expired, nor unknown. */
export function isLive(standing: KeyStanding | null, nowMs: number): standing is KeyStanding {
  return standing !== null && standing.live && (standing.expiresAtMs === null || standing.expiresAtMs > nowMs);
}
