import { leaseMs, maxKeptBytes, type AnswerCache, type CacheState } from "../core/answer-cache.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { ModelCard } from "../core/model.ts";
import type { SecretKeys } from "../core/secret-keys.ts";
import { logError } from "../telemetry/log.ts";
import { answerKeyOf, cacheNameOf, type AnswerFacts } from "./answer-key.ts";
import type { Answer } from "./completion.ts";

/** An answer that was given before, and where it comes from. */
export interface CachedAnswer {
  answer: Answer;
  /** The trace in which it was made. */
  traceId: string;
  keptAtMs: number;
}

/** The caller answers for everyone who asks the same meanwhile. The first of the two calls counts; both may be made late. */
export interface AnswerLead {
  /** Hands the answer on, where it is one to keep. Never fails; need not be waited for. */
  keep(answer: Answer): Promise<void>;
  /** There is no answer: the next in line asks. */
  release(): void;
}

export type ClaimedAnswer = { hit: CachedAnswer } | { lead: AnswerLead } | { off: true };

export interface CachedRequest extends AnswerFacts {
  /** The subject's sealed content key. */
  contentKey: string;
  traceId: string;
  /** When the request must be over: how long it may wait for an equal one. */
  deadlineMs: number;
  signal: AbortSignal;
  waitUntil(promise: Promise<unknown>): void;
}

export interface ResponseCacheDeps {
  clock: Clock;
  /** The object of that name. */
  cacheOf(name: string): AnswerCache;
  keys: Pick<SecretKeys, "encrypt" | "decrypt" | "sharedContentKey">;
  /** For requests that say nothing of a cache; 0 leaves them alone. */
  defaultTtlMs: number;
  /** Changes whenever the guardrails' policy does. */
  policyVersion: string;
}

/** For requests that ask for the cache and name no time, where the deployment has none either. */
const fallbackTtlMs = 3_600_000;

/**
 * Answers from an earlier, exactly equal request, or makes this one the one that is asked for all its equals. `off` where the
 * cache has no part in it. A cache that cannot be reached is never the reason of a failure.
 */
export async function claimAnswer(facts: CachedRequest, deps: ResponseCacheDeps): Promise<ClaimedAnswer> {
  const wish = facts.request.parapet?.cache ?? null;
  const ttlMs = wish?.ttl_ms ?? (deps.defaultTtlMs > 0 ? deps.defaultTtlMs : fallbackTtlMs);
  if (wish === null ? deps.defaultTtlMs === 0 : wish.mode === "off") return { off: true };
  if (facts.request.parapet?.sensitive === true) return { off: true };

  const isShared = wish?.shared === true;
  const { principal, candidate } = facts;
  const [name, key] = await Promise.all([
    cacheNameOf(principal, isShared),
    answerKeyOf(facts, isShared, deps.policyVersion),
  ]);
  const contentKey = isShared ? await deps.keys.sharedContentKey(principal.projectId) : facts.contentKey;
  const place: Place = { cache: deps.cacheOf(name), key, contentKey, ttlMs };

  let acceptKept = wish?.mode !== "refresh";
  for (;;) {
    const claimed = await claim(place, { acceptKept, facts }, deps);
    if (claimed === null || claimed.state === "unkept") return { off: true };
    if (claimed.state === "late") {
      throw new AppError("upstream_timeout", "An equal request was still being answered when the time was up.");
    }
    if (claimed.state === "lead") return { lead: leadOf(claimed.token, candidate.card, { place, facts }, deps) };
    const hit = await open(claimed.body, place, deps);
    if (hit !== null) return { hit };
    // Its key was replaced since: nobody can read it, and it is in the way.
    if (!acceptKept) return { off: true };
    acceptKept = false;
  }
}

interface Place {
  cache: AnswerCache;
  key: string;
  contentKey: string;
  ttlMs: number;
}

/** `null` when the object cannot be reached. An object that was restarted under a waiting request is asked once more. */
async function claim(
  { cache, key }: Place,
  { acceptKept, facts }: { acceptKept: boolean; facts: CachedRequest },
  { clock }: ResponseCacheDeps,
): Promise<CacheState | null> {
  const { signal, principal } = facts;
  for (let attempt = 1; ; attempt++) {
    const waitMs = Math.max(0, facts.deadlineMs - clock());
    const asked = cache.claim({ key, subjectId: principal.subjectId, acceptKept, waitMs });
    try {
      return await whileConnected(asked, signal);
    } catch (cause) {
      if (signal.aborted) {
        // Nobody is there to lead any more: the next in line is.
        facts.waitUntil(asked.then((late) => giveBack(late, cache, key)).catch(() => undefined));
        throw new AppError("client_closed_request", "The client closed the request.");
      }
      if (attempt < 2) continue;
      logError("response_cache.unreachable", { project: principal.projectId }, cause);
      return null;
    }
  }
}

async function giveBack(claimed: CacheState, cache: AnswerCache, key: string): Promise<void> {
  if (claimed.state === "lead") await cache.release(key, claimed.token, "failed");
}

function whileConnected<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(new Error("the client left"));
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}

function leadOf(
  token: string,
  card: ModelCard,
  { place, facts }: { place: Place; facts: CachedRequest },
  deps: ResponseCacheDeps,
): AnswerLead {
  const { cache, key } = place;
  const unreachable = (cause: unknown) =>
    logError("response_cache.unreachable", { project: facts.principal.projectId }, cause);
  let ended = false;
  const heartbeat = setInterval(() => {
    // Past its deadline no request lives, whatever became of it.
    if (deps.clock() > facts.deadlineMs) clearInterval(heartbeat);
    else facts.waitUntil(cache.renew(key, token).catch(() => undefined));
  }, leaseMs / 3);
  const end = (work: () => Promise<void>): Promise<void> => {
    if (ended) return Promise.resolve();
    ended = true;
    clearInterval(heartbeat);
    const done = work().catch(unreachable);
    facts.waitUntil(done);
    return done;
  };
  return {
    keep: (answer) =>
      end(async () => {
        const body = isWorthKeeping(answer, card) ? await seal(answer, { place, facts }, deps) : null;
        if (body === null) await cache.release(key, token, "unkept");
        else await cache.keep(key, token, { body, ttlMs: place.ttlMs });
      }),
    release: () => void end(() => cache.release(key, token, "failed")),
  };
}

/** Whole answers, of the model the key names: not a fallback's, a refusal, half an answer or the want of one. */
export function isWorthKeeping(answer: Answer, card: Pick<ModelCard, "id">): boolean {
  const isWhole = answer.finishReason === "stop" || answer.finishReason === "tool_calls";
  const isGood = answer.generated && !answer.degraded && answer.grounding !== "insufficient_evidence";
  const saysSomething = (answer.content ?? "") !== "" || answer.toolCalls.length > 0;
  return isWhole && isGood && saysSomething && answer.refusal === null && answer.model === card.id;
}

async function seal(
  answer: Answer,
  { place, facts }: { place: Place; facts: CachedRequest },
  deps: ResponseCacheDeps,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const kept: CachedAnswer = { answer, traceId: facts.traceId, keptAtMs: deps.clock() };
  const body = await deps.keys.encrypt(place.contentKey, JSON.stringify({ key: place.key, kept }));
  return body.byteLength > maxKeptBytes ? null : body;
}

/** `null` when it was not kept under this key, in both senses. */
async function open(
  body: Uint8Array<ArrayBuffer>,
  place: Place,
  deps: ResponseCacheDeps,
): Promise<CachedAnswer | null> {
  try {
    // Written by seal(); AES-GCM refuses anything else.
    const opened = JSON.parse(await deps.keys.decrypt(place.contentKey, body)) as { key: string; kept: CachedAnswer };
    return opened.key === place.key ? opened.kept : null;
  } catch {
    return null;
  }
}
