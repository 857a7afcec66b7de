import type { UpstreamLimit } from "../core/model.ts";

/** What is known of one model's limits at its provider, as told in its headers and by its refusals. */
export interface UpstreamLimits {
  /** From the headers of an answer. */
  note(model: string, limits: UpstreamLimit[], nowMs: number): void;
  /** The provider refused a call, and asked for this much patience; `null` when it did not say. */
  refuse(model: string, retryAfterMs: number | null, nowMs: number): void;
  /** A call leaves: what it uses is gone before the next headers say so. */
  spend(model: string, promptTokens: number, nowMs: number): void;
  /** How long a call had better wait, and why; `null` when it may go at once. */
  waitFor(model: string, promptTokens: number, nowMs: number): LimitWait | null;
}

export interface LimitWait {
  waitMs: number;
  /** The provider refused; its headers alone only forecast that it will. */
  refused: boolean;
}

interface Counter {
  remaining: number;
  resetAtMs: number;
}

interface Known {
  requests: Counter | null;
  tokens: Counter | null;
  refusedUntilMs: number;
}

/** A 429 that names no time. */
const defaultRefusalMs = 1_000;

export function createUpstreamLimits(): UpstreamLimits {
  const models = new Map<string, Known>();

  const knownOf = (model: string): Known => {
    const known = models.get(model) ?? { requests: null, tokens: null, refusedUntilMs: 0 };
    models.set(model, known);
    return known;
  };

  return {
    note(model, limits, nowMs) {
      const known = knownOf(model);
      for (const { kind, remaining, resetMs } of limits) known[kind] = { remaining, resetAtMs: nowMs + resetMs };
    },
    refuse(model, retryAfterMs, nowMs) {
      const known = knownOf(model);
      known.refusedUntilMs = Math.max(known.refusedUntilMs, nowMs + (retryAfterMs ?? defaultRefusalMs));
    },
    spend(model, promptTokens, nowMs) {
      const { requests, tokens } = models.get(model) ?? {};
      if (requests && nowMs < requests.resetAtMs) requests.remaining -= 1;
      if (tokens && nowMs < tokens.resetAtMs) tokens.remaining -= promptTokens;
    },
    waitFor(model, promptTokens, nowMs) {
      const known = models.get(model);
      if (known === undefined) return null;
      const untilMs = Math.max(
        known.refusedUntilMs,
        isShort(known.requests, 1) ? known.requests.resetAtMs : 0,
        isShort(known.tokens, promptTokens) ? known.tokens.resetAtMs : 0,
      );
      return untilMs <= nowMs ? null : { waitMs: untilMs - nowMs, refused: known.refusedUntilMs > nowMs };
    },
  };
}

function isShort(counter: Counter | null, needed: number): counter is Counter {
  return counter !== null && counter.remaining < needed;
}
