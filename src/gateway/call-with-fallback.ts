import { systemClock, type Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import { codeOf } from "./account-call.ts";
import type { Candidate, RoutePlan } from "./choose-route.ts";
import type { Hold } from "./hold.ts";
import { unwatchedUpstreams, type Permit, type Readiness, type Upstreams } from "./upstreams.ts";

export interface Attempt {
  model: string;
  /** `ok`, or the error code. */
  outcome: string;
}

export interface FallbackCall<T> {
  plan: RoutePlan;
  hold: Hold;
  promptBound: number;
  /** Filled as it goes: a caller that handles the failure still knows what was tried. */
  attempts: Attempt[];
  signal: AbortSignal;
  wait(delayMs: number): Promise<void>;
  random(): number;
  attempt(candidate: Candidate, permit: Permit): Promise<T>;
  /** No attempt and no wait begins that cannot end before this. */
  deadlineMs?: number;
  clock?: Clock;
  /** Which models are down or out of their limits. */
  upstreams?: Upstreams;
  waitUntil?(promise: Promise<unknown>): void;
}

/** One retry budget across the whole chain: an outage must not multiply the load. */
const maxAttempts = 4;
/** First try and one retry. */
const maxAttemptsPerModel = 2;
/** While another model can serve, a provider that asks for more patience than this is passed over. */
const maxPatienceMs = 2_000;
/** Nobody waits for longer, whatever the deadline: the caller is told when to come back instead. */
const maxWaitMs = 30_000;
/** Full jitter up to this: callers that failed together must not come back together. */
const retryDelayMs = 200;
/** Added to what a provider asks for, for the same reason. */
const retryAfterJitterMs = 100;
/** `bound-tokens.ts` reserves two to three times the tokens of prose. */
const boundPerToken = 3;

/**
 * Tries candidates in order until one answers. Those that are down or out of their limits are passed over; when nobody else could
 * serve, a limit is waited for within the deadline. What a retry cannot help propagates untouched.
 */
export async function callWithFallback<T>(call: FallbackCall<T>): Promise<{ value: T; candidate: Candidate }> {
  const run = new FallbackRun(call);
  for (const candidate of call.plan.candidates) {
    const answer = await run.tryNow(candidate);
    if (answer !== null) return answer;
  }
  for (let next = run.soonestToWaitFor(); next !== null; next = run.soonestToWaitFor()) {
    await call.wait(next.waitMs + call.random() * retryAfterJitterMs);
    const answer = await run.tryOnce(next.candidate);
    if (answer !== null) return answer;
  }
  throw run.failure();
}

type Success<T> = { value: T; candidate: Candidate };

class FallbackRun<T> {
  readonly #call: FallbackCall<T>;
  readonly #upstreams: Upstreams;
  readonly #clock: Clock;
  readonly #promptTokens: number;
  readonly #tries = new Map<Candidate, number>();
  /** Models whose provider asked for patience, and until when. */
  readonly #limited = new Map<Candidate, number>();
  readonly #failures: unknown[] = [];
  /** The shortest time after which a model that is down may be asked again. */
  #downForMs = Infinity;
  #tooLongFor = 0;

  constructor(call: FallbackCall<T>) {
    this.#call = call;
    this.#upstreams = call.upstreams ?? unwatchedUpstreams;
    this.#clock = call.clock ?? systemClock;
    this.#promptTokens = Math.ceil(call.promptBound / boundPerToken);
  }

  /** A first try, and the retry that may follow it at once. */
  async tryNow(candidate: Candidate): Promise<Success<T> | null> {
    if (candidate.card.contextWindow <= this.#tooLongFor) return null;
    const readiness = this.#upstreams.readinessOf(candidate.card.id, this.#promptTokens);
    if (!readiness.ready) return this.#passOver(candidate, readiness);
    const answer = await this.tryOnce(candidate);
    if (answer !== null) return answer;
    const delayMs = this.#retryDelay(candidate);
    if (delayMs === null || !this.#fits(delayMs)) return null;
    await this.#call.wait(delayMs);
    // Others may have found out in the meantime that it is down.
    const again = this.#upstreams.readinessOf(candidate.card.id, this.#promptTokens);
    if (!again.ready && again.why === "down") return null;
    return this.tryOnce(candidate);
  }

  /** One attempt, or none where the attempts, the time or the budget are spent. */
  async tryOnce(candidate: Candidate): Promise<Success<T> | null> {
    const { attempts, signal, attempt, waitUntil } = this.#call;
    if (attempts.length >= maxAttempts || !this.#fits(0) || !(await this.#canAfford(candidate))) {
      this.#limited.delete(candidate);
      return null;
    }
    const { id } = candidate.card;
    const permit = await this.#upstreams.admit(id, this.#promptTokens, waitUntil ?? (() => undefined));
    if (permit === null) {
      this.#limited.delete(candidate);
      return null;
    }
    this.#tries.set(candidate, (this.#tries.get(candidate) ?? 0) + 1);
    try {
      const value = await attempt(candidate, permit);
      attempts.push({ model: id, outcome: "ok" });
      return { value, candidate };
    } catch (cause) {
      attempts.push({ model: id, outcome: codeOf(cause) });
      this.#failures.push(cause);
      if (!(cause instanceof AppError) || !cause.retryable || signal.aborted) throw cause;
      this.#learn(candidate, cause, permit);
      return null;
    }
  }

  /** The limited model that is free again first, if that is within the deadline. */
  soonestToWaitFor(): { candidate: Candidate; waitMs: number } | null {
    if (this.#call.attempts.length >= maxAttempts) return null;
    const [first] = [...this.#limited].toSorted(([, left], [, right]) => left - right);
    if (first === undefined) return null;
    const [candidate, untilMs] = first;
    const waitMs = Math.max(0, untilMs - this.#clock());
    return this.#fits(waitMs + retryAfterJitterMs) ? { candidate, waitMs } : null;
  }

  /** With several failures, the one that tells the caller what to do. */
  failure(): unknown {
    const last = this.#failures.at(-1);
    if (last !== undefined) return this.#failures.find((cause) => codeOf(cause) === "model_unavailable") ?? last;
    if (!this.#fits(0)) return outOfTime();
    const untilMs = Math.min(...this.#limited.values());
    if (untilMs < Infinity) {
      return new AppError("upstream_rate_limited", "The provider is limiting requests: try again later.", {
        retryAfterMs: Math.max(1, Math.ceil(untilMs - this.#clock())),
        retryable: true,
      });
    }
    return new AppError(
      "model_unavailable",
      "The provider has been failing and is left alone for now: try again shortly.",
      {
        retryAfterMs: Math.ceil(Number.isFinite(this.#downForMs) ? this.#downForMs : 1_000),
        retryable: true,
      },
    );
  }

  #passOver(candidate: Candidate, readiness: Extract<Readiness, { ready: false }>): null {
    if (readiness.why === "down") {
      this.#downForMs = Math.min(this.#downForMs, readiness.retryInMs);
      return null;
    }
    // A forecast from headers is no refusal: where waiting takes too long, the provider itself is asked.
    const isForecast = !readiness.refused && !this.#fits(readiness.waitMs + retryAfterJitterMs);
    this.#limited.set(candidate, this.#clock() + (isForecast ? 0 : readiness.waitMs));
    return null;
  }

  #learn(candidate: Candidate, cause: AppError, permit: Permit): void {
    this.#limited.delete(candidate);
    if (cause.code === "context_length_exceeded")
      this.#tooLongFor = Math.max(this.#tooLongFor, candidate.card.contextWindow);
    const mayRetry = !permit.isProbe && (this.#tries.get(candidate) ?? 0) < maxAttemptsPerModel;
    if (cause.code === "upstream_rate_limited" && mayRetry)
      this.#limited.set(candidate, this.#clock() + (cause.retryAfterMs ?? retryDelayMs * 5));
    if (permit.isProbe) this.#tries.set(candidate, maxAttemptsPerModel);
  }

  /** How long to wait before the same candidate is asked again, or `null` to go on to the next. */
  #retryDelay(candidate: Candidate): number | null {
    const cause = this.#failures.at(-1);
    if (!(cause instanceof AppError) || (this.#tries.get(candidate) ?? maxAttemptsPerModel) >= maxAttemptsPerModel)
      return null;
    const asked = cause.retryAfterMs;
    if (asked !== null && asked > maxPatienceMs) return null;
    const isRetried = cause.code === "upstream_error" || (cause.code === "upstream_rate_limited" && asked !== null);
    if (!isRetried) return null;
    this.#limited.delete(candidate);
    return asked === null ? this.#call.random() * retryDelayMs : asked + this.#call.random() * retryAfterJitterMs;
  }

  #fits(waitMs: number): boolean {
    const { deadlineMs } = this.#call;
    return waitMs <= maxWaitMs && (deadlineMs === undefined || this.#clock() + waitMs < deadlineMs);
  }

  /**
   * The first candidate's first attempt is inside the bound that was admitted; every other may bill again, or more. A fallback that
   * the budgets do not cover is no fallback: the failure before it is what the caller hears of.
   */
  async #canAfford(candidate: Candidate): Promise<boolean> {
    const { hold, promptBound, attempts, plan } = this.#call;
    if (attempts.length === 0 && candidate === plan.candidates[0]) return true;
    const isFurther = attempts.length > 0;
    try {
      await hold.rebound({
        costMicros: Math.max(isFurther ? 0 : hold.bound.costMicros, hold.costMicros + candidate.boundMicros),
        tokens: (isFurther ? hold.bound.tokens : 0) + promptBound + candidate.maxOutputTokens,
      });
      return true;
    } catch (cause) {
      if (!(cause instanceof AppError) || cause.code === "meter_unavailable") throw cause;
      // Nobody was asked yet: what stands in the way is the budget.
      if (!isFurther) this.#failures.push(cause);
      return false;
    }
  }
}

/** The request's own deadline has passed. */
function outOfTime(): AppError {
  return new AppError("upstream_timeout", "No model answered within the request's deadline.", { limit: "total" });
}
