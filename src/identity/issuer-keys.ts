import { createLocalJWKSet, errors, type CryptoKey, type JWSHeaderParameters, type LocalJWKSet } from "jose";
import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";

/** How long fetched keys serve without another look; also how long a key that its issuer withdrew goes on working. */
export const freshForMs = 600_000;
/** How much longer they serve while the issuer cannot be reached: as long as API keys do without the database. */
export const staleForMs = 3_600_000;
/** Between two fetches, whatever tokens ask for: made-up key ids must not become requests to the issuer. */
export const cooldownMs = 30_000;
/** The same while there are no keys at all, and every user waits for them. */
const firstCooldownMs = 2_000;
const fetchTimeoutMs = 5_000;
/** Google's and Microsoft's sets have 2 to 20 KB. */
const maxBodyBytes = 128 * 1024;
const maxKeys = 100;

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(maxKeys) });

/** The public keys of one issuer. Never shared between issuers, so that the same `kid` of two of them is two keys. */
export interface IssuerKeys {
  /**
   * The key for a token's header. Fails as jose's own sets do; `identity_unavailable` when there are no keys to look through.
   * `waitUntil` keeps a fetch alive that others wait for, when the request that started it has gone.
   */
  find(header: JWSHeaderParameters, waitUntil: (promise: Promise<unknown>) => void): Promise<CryptoKey>;
}

interface KeptKeys {
  set: LocalJWKSet;
  fetchedMs: number;
}

/**
 * jose's remote set counts its cooldown from the last success and, in workers, fetches once for each waiting request: a dead
 * issuer, or a cold start, would be asked as often as clients like. So the set is jose's, and when it is fetched is decided here.
 */
export function createIssuerKeys(
  url: string,
  { clock, fetch }: { clock: Clock; fetch: typeof globalThis.fetch },
): IssuerKeys {
  let kept: KeptKeys | null = null;
  let attempt: { startedMs: number; done: Promise<void> | null } = { startedMs: -Infinity, done: null };

  const start = (): Promise<void> => {
    const startedMs = clock();
    const done = fetchKeys(url, fetch)
      .then((set) => {
        kept = { set, fetchedMs: clock() };
      })
      .finally(() => {
        if (attempt.startedMs === startedMs) attempt.done = null;
      });
    attempt = { startedMs, done };
    return done;
  };

  /** Fetches, or waits for the fetch that runs; does nothing within the cooldown. A failure is what `kept` shows. */
  async function reload(cooldown: number, waitUntil: (promise: Promise<unknown>) => void): Promise<void> {
    const sinceMs = clock() - attempt.startedMs;
    if (attempt.done !== null && sinceMs < fetchTimeoutMs) return settledWithin(attempt.done, fetchTimeoutMs - sinceMs);
    if (sinceMs < cooldown) return;
    const done = start().catch(() => undefined);
    waitUntil(done);
    await done;
  }

  return {
    async find(header, waitUntil) {
      const ageMs = () => (kept === null ? Infinity : clock() - kept.fetchedMs);
      if (ageMs() >= freshForMs) await reload(kept === null ? firstCooldownMs : cooldownMs, waitUntil);
      if (kept === null || ageMs() >= freshForMs + staleForMs) {
        throw new AppError("identity_unavailable", "The keys of this token's issuer cannot be fetched right now.", {
          retryAfterMs: firstCooldownMs,
        });
      }
      const { set } = kept;
      try {
        return await set(header);
      } catch (cause) {
        if (!(cause instanceof errors.JWKSNoMatchingKey)) throw cause;
        // The issuer may have a new key.
        await reload(cooldownMs, waitUntil);
        if (kept.set === set) throw cause;
        return kept.set(header);
      }
    },
  };
}

/** Another request's fetch: it may never settle, when the platform ended that request. */
function settledWithin(done: Promise<void>, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    const finish = () => {
      clearTimeout(timer);
      resolve();
    };
    done.then(finish, finish);
  });
}

async function fetchKeys(url: string, fetch: typeof globalThis.fetch): Promise<LocalJWKSet> {
  const response = await fetch(url, {
    headers: { accept: "application/jwk-set+json, application/json" },
    // A redirect could lead anywhere, plain HTTP and this network included.
    redirect: "manual",
    signal: AbortSignal.timeout(fetchTimeoutMs),
  });
  if (response.status !== 200 || response.body === null) throw new Error(`the key set answered ${response.status}`);
  return createLocalJWKSet(keySet.parse(JSON.parse(await readText(response.body))));
}

async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBodyBytes) throw new Error("the key set is too large");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
