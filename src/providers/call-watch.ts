import { AppError } from "../core/errors.ts";

/**
 * How long a provider may take, in milliseconds. Connecting is part of `headersMs`: `fetch` does not tell the two apart, and a
 * request body that is a stream is read ahead of the connection (three chunks, in workerd), so it reveals nothing either.
 */
export interface Timeouts {
  /** Until a stream's headers. An answer in one piece sends them when it is complete, so `totalMs` bounds that. */
  headersMs: number;
  /** From a stream's headers to its first token. */
  firstTokenMs: number;
  /** Between two events of a stream. */
  idleMs: number;
  totalMs: number;
}

const phases = {
  headers: { limit: "headersMs", what: "did not begin to answer" },
  first_token: { limit: "firstTokenMs", what: "sent no token" },
  idle: { limit: "idleMs", what: "fell silent in the middle of its answer" },
  total: { limit: "totalMs", what: "did not finish its answer" },
} as const satisfies Record<string, { limit: keyof Timeouts; what: string }>;

export type TimedPhase = Exclude<keyof typeof phases, "total">;

/** Watches one call to a provider: its timeouts and its caller's departure end in one signal and one reason. */
export interface CallWatch {
  /** Aborts the call; `failure` says why. */
  signal: AbortSignal;
  /** Starts the clock of a phase, in place of the one before. */
  enter(phase: TimedPhase): void;
  /** Stops the clock of the phase: nobody waits for the provider, so its silence says nothing. */
  pause(): void;
  /** Why the call was aborted, or `null` while it was not. */
  failure(): AppError | null;
  /** Does a step of the call, and rejects with `failure` as soon as the call is aborted, however long the step takes. */
  race<T>(step: () => Promise<T>): Promise<T>;
  /** Ends the call for good: no timer fires any more. */
  stop(): void;
  /** Ends the call and its connection, for a reader that has lost interest. */
  abandon(): void;
}

export function watchCall({
  provider,
  caller,
  timeouts,
}: {
  provider: string;
  caller: AbortSignal;
  timeouts: Timeouts;
}): CallWatch {
  const controller = new AbortController();
  let failure: AppError | null = null;
  let phaseTimer: ReturnType<typeof setTimeout> | undefined;
  let reject: ((cause: AppError) => void) | null = null;

  const abort = (cause: AppError) => {
    if (failure !== null) return;
    failure = cause;
    stop();
    reject?.(cause);
    controller.abort(cause);
  };
  const expire = (phase: keyof typeof phases) => abort(timedOut(provider, phase, timeouts[phases[phase].limit]));
  const leave = () => abort(departure(provider, caller.reason));
  const totalTimer = setTimeout(() => expire("total"), timeouts.totalMs);
  const stop = () => {
    clearTimeout(totalTimer);
    clearTimeout(phaseTimer);
    caller.removeEventListener("abort", leave);
  };
  if (caller.aborted) leave();
  else caller.addEventListener("abort", leave, { once: true });

  return {
    signal: controller.signal,
    enter(phase) {
      clearTimeout(phaseTimer);
      if (failure === null) phaseTimer = setTimeout(() => expire(phase), timeouts[phases[phase].limit]);
    },
    pause: () => clearTimeout(phaseTimer),
    failure: () => failure,
    race(step) {
      if (failure !== null) return Promise.reject(failure);
      const aborted = new Promise<never>((_resolve, rejectRace) => {
        reject = rejectRace;
      });
      return Promise.race([step(), aborted]);
    },
    stop,
    abandon() {
      stop();
      controller.abort();
    },
  };
}

function timedOut(provider: string, phase: keyof typeof phases, afterMs: number): AppError {
  return new AppError("upstream_timeout", `The provider ${provider} ${phases[phase].what} within ${afterMs} ms.`, {
    limit: phase,
    retryable: true,
  });
}

/** The caller's own deadline is a timeout like any other; everything else is a client that left. */
function departure(provider: string, reason: unknown): AppError {
  if (reason instanceof AppError) return reason;
  if (reason instanceof DOMException && reason.name === "TimeoutError")
    return new AppError(
      "upstream_timeout",
      `The provider ${provider} did not finish its answer within the request's deadline.`,
      { limit: "total", retryable: true },
    );
  return new AppError("client_closed_request", "The client closed the connection.");
}
