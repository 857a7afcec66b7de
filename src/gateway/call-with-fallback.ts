import { AppError } from "../core/errors.ts";
import type { Candidate, RoutePlan } from "./choose-route.ts";
import type { Hold } from "./hold.ts";
import { codeOf } from "./account-call.ts";

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
  attempt(candidate: Candidate): Promise<T>;
}

/** One retry budget across the whole chain: an outage must not multiply the load. */
const maxAttempts = 4;
/** A provider that asks for more patience than this is passed over. */
const maxRetryAfterMs = 2_000;
const baseDelayMs = 100;

/** Tries candidates in order until one answers. What a retry cannot help propagates untouched. */
export async function callWithFallback<T>(call: FallbackCall<T>): Promise<{ value: T; candidate: Candidate }> {
  const { plan, attempts, signal } = call;
  const failures: unknown[] = [];
  for (const [index, candidate] of plan.candidates.entries()) {
    for (const isRetry of [false, true]) {
      if (attempts.length >= maxAttempts) break;
      // The first attempt is inside the bound that was admitted; each further one may bill again.
      if (failures.length > 0 && !(await canAfford(call, candidate))) throw mostTelling(failures);
      try {
        const value = await call.attempt(candidate);
        attempts.push({ model: candidate.card.id, outcome: "ok" });
        return { value, candidate };
      } catch (cause) {
        attempts.push({ model: candidate.card.id, outcome: codeOf(cause) });
        failures.push(cause);
        if (!isRetryable(cause) || signal.aborted) throw cause;
        const isLast = index === plan.candidates.length - 1;
        const delayMs = retryDelay(cause, isRetry, isLast, call.random());
        if (delayMs === null) break;
        await call.wait(delayMs);
      }
    }
  }
  throw mostTelling(failures);
}

/** How long to wait before the same candidate is asked again, or `null` to go on to the next. */
function retryDelay(cause: AppError, isRetry: boolean, isLast: boolean, random: number): number | null {
  if (isRetry) return null;
  if (cause.code === "upstream_error") return baseDelayMs * (0.5 + random);
  if (cause.code !== "upstream_rate_limited") return null;
  const asked = cause.retryAfterMs ?? (isLast ? baseDelayMs * 10 : Infinity);
  return asked <= maxRetryAfterMs ? asked : null;
}

/** A fallback that the budgets do not cover is no fallback: the failure before it is what the caller hears of. */
async function canAfford({ hold, promptBound }: FallbackCall<unknown>, candidate: Candidate): Promise<boolean> {
  try {
    await hold.rebound({
      costMicros: hold.costMicros + candidate.boundMicros,
      tokens: hold.bound.tokens + promptBound + candidate.maxOutputTokens,
    });
    return true;
  } catch (cause) {
    if (cause instanceof AppError && cause.code !== "meter_unavailable") return false;
    throw cause;
  }
}

function isRetryable(cause: unknown): cause is AppError {
  return cause instanceof AppError && cause.retryable;
}

/** With several failures, the one that tells the caller what to do. */
function mostTelling(failures: unknown[]): unknown {
  return failures.find((cause) => codeOf(cause) === "model_unavailable") ?? failures[failures.length - 1];
}
