import type { Clock } from "../core/clock.ts";
import type { ErrorCode } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { UpstreamLimit } from "../core/model.ts";
import {
  adoptOpen,
  availabilityOf,
  closedBreaker,
  endProbe,
  leaseProbe,
  observe,
  type Breaker,
  type BreakerPolicy,
  type OutcomeCounts,
  type ProbeOutcome,
} from "./breaker.ts";
import { createUpstreamLimits, type LimitWait } from "./upstream-limits.ts";

/** What all isolates know together of one model; times are relative, since clocks differ. */
export type SharedHealth = { state: "closed" } | { state: "open"; retryInMs: number } | { state: "half_open" };

/** The answer to an isolate that would like to probe. */
export type ProbeAnswer = { lease: string } | { closed: true } | { retryInMs: number };

/** The shared object behind the isolates, one per model. */
export interface SharedBreaker {
  /** Adds what this isolate saw since it last told, and answers with what all of them know. */
  sync(counts: OutcomeCounts): Promise<SharedHealth>;
  leaseProbe(): Promise<ProbeAnswer>;
  endProbe(lease: string, outcome: ProbeOutcome): Promise<void>;
}

/** Keeps the worker alive until something told in the background has arrived. */
type WaitUntil = (promise: Promise<unknown>) => void;

/** Leave to call a model now. Tell it how the call went, once. */
export interface Permit {
  /** The call that finds out whether the model is back: it gets no retry. */
  isProbe: boolean;
  end(outcome: CallOutcome): void;
}

/** `alive`: it answered, be it with a refusal of this one request. `unknown`: nothing was learned of the provider. */
export type CallOutcome = "alive" | "down" | "unknown";

export type Readiness =
  | { ready: true }
  | { ready: false; why: "down"; retryInMs: number }
  | ({ ready: false; why: "limited" } & LimitWait);

/** One isolate's view of the providers: which models are down, and which have nothing left of their limits. */
export interface Upstreams {
  /** Without I/O: whether a call had better turn to another model. */
  readinessOf(model: string, promptTokens: number): Readiness;
  /**
   * Leave for one call, or `null` when another is finding out whether the model is back. Asks the shared object only when the
   * model was down and its cooldown is over: never on the way of a call to a model that is up.
   */
  admit(model: string, promptTokens: number, waitUntil: WaitUntil): Promise<Permit | null>;
  noteLimits(model: string, limits: UpstreamLimit[]): void;
  noteRefusal(model: string, retryAfterMs: number | null): void;
}

/** The shared object hears of a model's calls, and is heard, at most this often while nothing changes. */
const syncEveryMs = 3_000;
/** The shared object may not hold a request up for longer; without it the isolate probes by itself. */
const probeAnswerMs = 500;

/** Says nothing against any model: for what has no isolate around it. */
export const unwatchedUpstreams: Upstreams = {
  readinessOf: () => ({ ready: true }),
  admit: async () => ({ isProbe: false, end: () => undefined }),
  noteLimits: () => undefined,
  noteRefusal: () => undefined,
};

interface ModelState {
  breaker: Breaker;
  pending: OutcomeCounts;
  syncedAtMs: number;
}

export function createUpstreams({
  clock,
  policy,
  sharedOf,
  wait,
}: {
  clock: Clock;
  policy: BreakerPolicy;
  sharedOf(model: string): SharedBreaker;
  wait(delayMs: number): Promise<void>;
}): Upstreams {
  const limits = createUpstreamLimits();
  const models = new Map<string, ModelState>();

  const stateOf = (model: string): ModelState => {
    const state = models.get(model) ?? { breaker: closedBreaker, pending: none(), syncedAtMs: -Infinity };
    models.set(model, state);
    return state;
  };

  const sync = async (model: string, state: ModelState) => {
    const told = state.pending;
    state.pending = none();
    state.syncedAtMs = clock();
    try {
      const shared = await sharedOf(model).sync(told);
      if (shared.state === "closed" || state.breaker.probe !== null) return;
      const retryInMs = shared.state === "open" ? shared.retryInMs : 0;
      state.breaker = adoptOpen(state.breaker, retryInMs, clock(), policy);
    } catch {
      // Out of reach: this isolate's own view has to do, and the counts are told with the next.
      state.pending.succeeded += told.succeeded;
      state.pending.failed += told.failed;
    }
  };

  const countOutcome = (model: string, outcome: CallOutcome, waitUntil: WaitUntil) => {
    if (outcome === "unknown") return;
    const state = stateOf(model);
    const counts = { succeeded: outcome === "alive" ? 1 : 0, failed: outcome === "down" ? 1 : 0 };
    const wasOpen = state.breaker.open !== null;
    state.breaker = observe(state.breaker, counts, clock(), policy);
    state.pending.succeeded += counts.succeeded;
    state.pending.failed += counts.failed;
    const changed = !wasOpen && state.breaker.open !== null;
    if (changed || clock() - state.syncedAtMs >= syncEveryMs) waitUntil(sync(model, state));
  };

  const probe = async (model: string, state: ModelState, waitUntil: WaitUntil): Promise<Permit | null> => {
    // Taken at once, so that this isolate asks for one probe however many calls wait for it.
    const own = newId("request");
    const leased = leaseProbe(state.breaker, own, clock(), policy);
    if (leased === null) return null;
    state.breaker = leased;
    const shared = sharedOf(model);
    const answer = await Promise.race([shared.leaseProbe().catch(() => null), wait(probeAnswerMs).then(() => null)]);
    if (answer !== null && "retryInMs" in answer) {
      state.breaker = adoptOpen(state.breaker, answer.retryInMs, clock(), policy);
      return null;
    }
    if (answer !== null && "closed" in answer) {
      state.breaker = closedBreaker;
      return permit(model, waitUntil);
    }
    let ended = false;
    return {
      isProbe: true,
      end(outcome) {
        if (ended) return countOutcome(model, outcome, waitUntil);
        ended = true;
        const word = probeOutcomes[outcome];
        state.breaker = endProbe(state.breaker, { id: own, outcome: word }, clock(), policy);
        if (answer !== null) waitUntil(shared.endProbe(answer.lease, word).catch(() => undefined));
      },
    };
  };

  const permit = (model: string, waitUntil: WaitUntil): Permit => ({
    isProbe: false,
    end: (outcome) => countOutcome(model, outcome, waitUntil),
  });

  return {
    readinessOf(model, promptTokens) {
      const nowMs = clock();
      const availability = availabilityOf(stateOf(model).breaker, nowMs);
      if (availability.state === "open") return { ready: false, why: "down", retryInMs: availability.retryInMs };
      const limited = limits.waitFor(model, promptTokens, nowMs);
      return limited === null ? { ready: true } : { ready: false, why: "limited", ...limited };
    },
    async admit(model, promptTokens, waitUntil) {
      const state = stateOf(model);
      const { state: health } = availabilityOf(state.breaker, clock());
      if (health === "open") return null;
      const given = health === "closed" ? permit(model, waitUntil) : await probe(model, state, waitUntil);
      if (given !== null) limits.spend(model, promptTokens, clock());
      return given;
    },
    noteLimits: (model, noted) => limits.note(model, noted, clock()),
    noteRefusal: (model, retryAfterMs) => limits.refuse(model, retryAfterMs, clock()),
  };
}

const probeOutcomes = { alive: "succeeded", down: "failed", unknown: "unknown" } as const satisfies Record<
  CallOutcome,
  ProbeOutcome
>;

function none(): OutcomeCounts {
  return { succeeded: 0, failed: 0 };
}

const downCodes: readonly ErrorCode[] = [
  "upstream_error",
  "upstream_timeout",
  "upstream_incomplete",
  "upstream_invalid_response",
];
/** It took the time to refuse this request: it is up. */
const aliveCodes: readonly ErrorCode[] = ["upstream_rejected", "upstream_content_filter", "context_length_exceeded"];

/**
 * What a call's end says of its provider. A 429 is a limit, and credentials are the deployment's own business. A caller that had
 * less patience than the deployment (`hasOwnDeadline`) says nothing either: it could otherwise shut a model for everybody. Nor does
 * what earlier attempts left of the total timeout, where that is less than half.
 */
export function outcomeOf(
  end: "ok" | ErrorCode,
  {
    limit,
    hasOwnDeadline,
    elapsedMs,
    totalTimeoutMs,
  }: { limit: string | null; hasOwnDeadline: boolean; elapsedMs: number; totalTimeoutMs: number },
): CallOutcome {
  if (end === "ok" || aliveCodes.includes(end)) return "alive";
  const isImpatience =
    end === "upstream_timeout" && limit === "total" && (hasOwnDeadline || elapsedMs < totalTimeoutMs / 2);
  return downCodes.includes(end) && !isImpatience ? "down" : "unknown";
}
