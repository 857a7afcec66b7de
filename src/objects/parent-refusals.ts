import { nextUtcDayMs, nextUtcMonthMs } from "../core/clock.ts";
import type { Bound, Refusal } from "../core/meter.ts";
import { adviseLowerCap, type Decision } from "./decide-admission.ts";
import { budgetOf, type Parent } from "./governing-limits.ts";

type Refused = Extract<Decision, { admitted: false }>;

/** The parent's budget is spent so far that nothing coming free could cover the request. */
export function refuseSpent(
  { kind, limits }: Parent,
  { period, leftMicros, bound, nowMs }: { period: string; leftMicros: number; bound: Bound; nowMs: number },
): Refused {
  const { costMicros } = bound;
  const limit = budgetOf(limits, period) ?? 0;
  const [name, resetsAtMs] =
    period.length === 10 ? ["daily", nextUtcDayMs(nowMs)] : (["monthly", nextUtcMonthMs(nowMs)] as const);
  return refuse({
    code: "budget_exceeded",
    limit: `${kind}_${name}_budget`,
    message: `The ${kind}'s ${name} budget of ${limit} micro-USD does not cover this request: ${Math.max(0, leftMicros)} left, up to ${costMicros} needed.${adviseLowerCap(bound, leftMicros)}`,
    retryAfterMs: costMicros > limit ? null : resetsAtMs - nowMs,
  });
}

/** What is left of the parent's budget is reserved somewhere below it, and may come free. */
export function waitForReserved({ kind, limits }: Parent): Refused {
  const name = limits.dailyBudgetMicros === null ? "monthly" : "daily";
  return {
    ...refuse({
      code: "budget_reserved",
      limit: `${kind}_${name}_budget`,
      message: `What is left of the ${kind}'s ${name} budget is reserved by requests that are still running. Try again shortly.`,
      retryAfterMs: 1_000,
    }),
    waits: true,
  };
}

/** The parent's requests or tokens of this minute are used up. `retryAfterMs` is `null` where waiting cannot help. */
export function refuseRate(
  { kind, limits }: Parent,
  limit: "requests_per_minute" | "tokens_per_minute",
  { tokens, retryAfterMs }: { tokens: number; retryAfterMs: number | null },
): Refused {
  const [count, noun] =
    limit === "requests_per_minute" ? [limits.requestsPerMinute, "requests"] : [limits.tokensPerMinute, "tokens"];
  const message =
    retryAfterMs === null
      ? `This request may use ${tokens} tokens, more than the ${kind}'s limit of ${count} tokens per minute: lower max_completion_tokens.`
      : `The ${kind}'s limit of ${count} ${noun} per minute is used up.`;
  return refuse({ code: "rate_limited", limit: `${kind}_${limit}`, message, retryAfterMs });
}

/** Nobody knows the parent's remainder: closed, as with a meter that cannot be reached. */
export function refuseUnreachable(): Refused {
  return refuse({
    code: "meter_unavailable",
    limit: null,
    message: "Limits and budgets cannot be checked right now. Try again shortly.",
    retryAfterMs: 2_000,
  });
}

function refuse(refusal: Refusal): Refused {
  return { admitted: false, waits: false, refusal };
}
