import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { Admission, Bound, Meter } from "../core/meter.ts";
import type { Principal } from "../core/principal.ts";
import type { AuditRecord, UsageRecord } from "../core/records.ts";
import type { Verdict } from "../core/verdict.ts";
import type { Trace } from "../telemetry/trace.ts";
import { logError } from "../telemetry/log.ts";

/** A live request tells its meter so at least this often; an orphan is known by its silence. */
const heartbeatMs = 5_000;

export interface HoldDeps {
  meter: Meter;
  clock: Clock;
  trace: Trace;
  principal: Principal;
  /** Keeps the worker alive until the settlement has left, even when the client has gone. */
  waitUntil(promise: Promise<unknown>): void;
  /** Shorter than the meter's patience with a silent hold. */
  orphanAfterMs: number;
}

export interface HoldRequest {
  action: string;
  target: string | null;
  bound: Bound;
  /** What an orphan's usage row would say; `null` for requests that call no model. */
  usage: UsageRecord | null;
}

export interface HoldEnd {
  outcome: string;
  target?: string | null;
  detail?: AuditRecord["detail"];
}

/** A request's reservation: opened before anything costs, settled exactly once, whatever happens in between. */
export interface Hold {
  readonly id: string;
  /** The subject's sealed content key. */
  readonly contentKey: string;
  readonly verdicts: Verdict[];
  readonly bound: Bound;
  /** Sum of the calls recorded so far, in micro-USD. */
  readonly costMicros: number;
  /** One row per model call. */
  record(row: UsageRecord): void;
  /** Sets a new bound; throws when the budgets do not cover it. */
  rebound(bound: Bound): Promise<void>;
  /** Tells the meter, with the next heartbeat, how far a stream has come. */
  progress(outputTokens: number): void;
  /** Hands usage, audit and trace over, after the response. */
  settle(end: HoldEnd): void;
}

/** Asks for admission; a refusal is thrown as the error the caller gets. */
export async function openHold(deps: HoldDeps, request: HoldRequest): Promise<Hold> {
  const { meter, principal, trace, clock } = deps;
  const holdId = newId("hold");
  const audit: AuditRecord = {
    id: newId("audit"),
    atMs: clock(),
    projectId: principal.projectId,
    actor: principal.keyId ?? principal.kind,
    subjectId: principal.subjectId,
    traceId: trace.traceId,
    action: request.action,
    target: request.target,
    outcome: "running",
    estimated: false,
    costMicros: 0,
    verdicts: [],
    detail: {},
  };
  trace.root.rename(request.action);
  const span = trace.startSpan("admit", {
    attributes: { "parapet.bound.cost_micros": request.bound.costMicros, "parapet.bound.tokens": request.bound.tokens },
  });
  const admission = await reach(() =>
    meter.admit({
      holdId,
      keyId: principal.keyId,
      rootKeyId: principal.rootKeyId,
      actsForAnother: principal.rootKeyId !== null && principal.subject !== principal.rootKeyId,
      feature: request.usage?.feature ?? null,
      traceId: trace.traceId,
      draft: { audit, usage: request.usage },
      bound: request.bound,
    }),
  );
  span.end(admission.admitted ? {} : { error: admission.refusal.code });
  if (!admission.admitted) throw refusalError(admission);

  const rows: UsageRecord[] = [];
  const verdicts: Verdict[] = [];
  let { bound } = request;
  let outputTokens = 0;
  let settled = false;
  const settlement = Promise.withResolvers<void>();
  // A client that leaves takes the request's context with it, unless something is still to be waited for.
  deps.waitUntil(settlement.promise);
  const heartbeat = setInterval(
    () => deps.waitUntil(meter.report(holdId, outputTokens).catch(() => undefined)),
    Math.min(heartbeatMs, deps.orphanAfterMs / 3),
  );

  return {
    id: holdId,
    contentKey: admission.contentKey,
    verdicts,
    get bound() {
      return bound;
    },
    get costMicros() {
      return costOf(rows);
    },
    record: (row) => void rows.push(row),
    async rebound(next) {
      const answer = await reach(() => meter.adjust(holdId, next));
      if (!answer.admitted) throw refusalError(answer);
      bound = next;
    },
    progress(tokens) {
      outputTokens = tokens;
    },
    settle(end) {
      if (settled) return;
      settled = true;
      clearInterval(heartbeat);
      if (end.outcome !== "ok") trace.root.end({ error: end.outcome });
      const costMicros = costOf(rows);
      const outcome = {
        costMicros,
        tokens: rows.reduce((total, row) => total + row.inputTokens + row.outputTokens, 0),
        usage: rows,
        audit: {
          ...audit,
          target: end.target ?? request.target,
          outcome: end.outcome,
          estimated: rows.some((row) => row.estimated),
          costMicros,
          verdicts: verdicts.map(({ guardrail, stage, action, rules, redactions }) => ({
            guardrail,
            stage,
            action,
            rules,
            redactions,
          })),
          detail: end.detail ?? {},
        },
        trace: trace.finish(principal),
      };
      // A settlement that cannot be delivered leaves an orphan, which the meter's alarm settles at its bound.
      meter
        .settle(holdId, outcome)
        .catch((cause: unknown) => logError("hold.settle_failed", { hold: holdId }, cause))
        .finally(settlement.resolve);
    },
  };
}

function costOf(rows: UsageRecord[]): number {
  return rows.reduce((total, row) => total + row.costMicros, 0);
}

/** No meter, no admission: the gateway fails closed. */
async function reach(call: () => Promise<Admission>): Promise<Admission> {
  try {
    return await call();
  } catch (cause) {
    throw new AppError("meter_unavailable", "Limits and budgets cannot be checked right now. Try again shortly.", {
      cause,
      retryAfterMs: 2000,
    });
  }
}

function refusalError({ refusal }: Extract<Admission, { admitted: false }>): AppError {
  return new AppError(refusal.code, refusal.message, {
    ...(refusal.limit === null ? {} : { limit: refusal.limit }),
    ...(refusal.retryAfterMs === null ? {} : { retryAfterMs: refusal.retryAfterMs }),
  });
}
