import { nextUtcDayMs, nextUtcMonthMs } from "../core/clock.ts";
import type { Bound, Limits, Refusal } from "../core/meter.ts";

/** What a meter knows when a request asks for admission. Money in micro-USD. */
export interface MeterState {
  nowMs: number;
  /** Admissions of the last minute, oldest first; tokens are the bound until settled, then the count. */
  recent: readonly { atMs: number; tokens: number }[];
  /** The sum over `recent`. */
  recentTokens: number;
  spentTodayMicros: number;
  spentThisMonthMicros: number;
  /** Bounds of the holds that are still open. */
  reservedMicros: number;
}

export type Decision =
  | { admitted: true }
  /** `waits` says that money reserved by running requests may yet come free. */
  | { admitted: false; waits: boolean; refusal: Refusal };

export const windowMs = 60_000;

/** Sliding-window limits first, then budgets: pure, so that every edge can be tested. */
export function decideAdmission(state: MeterState, bound: Bound, limits: Limits): Decision {
  return decideRate(state, bound, limits) ?? decideBudget(state, bound, limits) ?? { admitted: true };
}

/** A raised bound is no new request: only the budgets count. */
export function decideTopUp(state: MeterState, extraMicros: number, limits: Limits): Decision {
  return decideBudget(state, { costMicros: extraMicros }, limits) ?? { admitted: true };
}

function decideRate(state: MeterState, bound: Bound, limits: Limits): Decision | null {
  const { recent, nowMs } = state;
  const { requestsPerMinute, tokensPerMinute } = limits;
  if (requestsPerMinute !== null && recent.length >= requestsPerMinute) {
    const freeing = recent[recent.length - requestsPerMinute];
    return refuseRate({
      limit: "requests_per_minute",
      message: `This key's limit of ${requestsPerMinute} requests per minute is used up.`,
      retryAfterMs: freeing === undefined ? windowMs : freeing.atMs + windowMs - nowMs,
    });
  }
  if (tokensPerMinute === null || bound.tokens === 0) return null;
  if (bound.tokens > tokensPerMinute) {
    return refuseRate({
      limit: "tokens_per_minute",
      message: `This request may use ${bound.tokens} tokens, more than this key's limit of ${tokensPerMinute} tokens per minute: lower max_completion_tokens.`,
      retryAfterMs: null,
    });
  }
  let over = state.recentTokens + bound.tokens - tokensPerMinute;
  if (over <= 0) return null;
  for (const entry of recent) {
    over -= entry.tokens;
    if (over > 0) continue;
    return refuseRate({
      limit: "tokens_per_minute",
      message: `This key's limit of ${tokensPerMinute} tokens per minute is used up.`,
      retryAfterMs: entry.atMs + windowMs - nowMs,
    });
  }
  return null;
}

/** What a caller can do whose request has too high a cap; empty where no cap would pass. */
export function adviseLowerCap({ leastCostMicros }: Pick<Bound, "leastCostMicros">, leftMicros: number): string {
  return (leastCostMicros ?? Infinity) <= leftMicros ? " A lower max_completion_tokens needs less." : "";
}

function decideBudget(state: MeterState, bound: Omit<Bound, "tokens">, limits: Limits): Decision | null {
  const { costMicros } = bound;
  const budgets = [
    {
      name: "daily_budget",
      limit: limits.dailyBudgetMicros,
      spent: state.spentTodayMicros,
      resetsAtMs: nextUtcDayMs(state.nowMs),
    },
    {
      name: "monthly_budget",
      limit: limits.monthlyBudgetMicros,
      spent: state.spentThisMonthMicros,
      resetsAtMs: nextUtcMonthMs(state.nowMs),
    },
  ];
  let waiting: Decision | null = null;
  for (const { name, limit, spent, resetsAtMs } of budgets) {
    if (limit === null) continue;
    // A free request is refused too once a budget was overdrawn: nothing goes on as if the money were there.
    if (spent + costMicros > limit) {
      const left = Math.max(0, limit - spent);
      return {
        admitted: false,
        waits: false,
        refusal: {
          code: "budget_exceeded",
          limit: name,
          message: `The ${name.replace("_", " ")} of ${limit} micro-USD does not cover this request: ${left} left, up to ${costMicros} needed.${adviseLowerCap(bound, left)}`,
          retryAfterMs: costMicros > limit ? null : resetsAtMs - state.nowMs,
        },
      };
    }
    if (spent + state.reservedMicros + costMicros > limit) {
      waiting ??= {
        admitted: false,
        waits: true,
        refusal: {
          code: "budget_reserved",
          limit: name,
          message: `What is left of the ${name.replace("_", " ")} is reserved by requests that are still running. Try again shortly.`,
          retryAfterMs: 1000,
        },
      };
    }
  }
  return waiting;
}

function refuseRate(refusal: Omit<Refusal, "code">): Decision {
  const retryAfterMs = refusal.retryAfterMs === null ? null : Math.max(1, refusal.retryAfterMs);
  return { admitted: false, waits: false, refusal: { code: "rate_limited", ...refusal, retryAfterMs } };
}
