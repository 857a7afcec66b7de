import { toAppError } from "./error-response.ts";
import type { AppContext } from "./context.ts";
import { openHold, type Hold, type HoldEnd } from "../gateway/hold.ts";
import type { Bound } from "../core/meter.ts";
import type { Principal } from "../core/principal.ts";
import { changeRecord, type AuditRecord, type UsageRecord } from "../core/records.ts";

export interface Governed {
  action: string;
  target?: string | null;
  bound?: Bound;
  usage?: UsageRecord | null;
  /** Whose meter it goes through; by default the caller's own. */
  principal?: Principal;
}

const nothing: Bound = { costMicros: 0, tokens: 0 };

/** Runs a handler under a hold: every authenticated route goes through its subject's meter and leaves an audit row. */
export async function govern<T>(
  c: AppContext,
  { action, target = null, bound = nothing, usage = null, principal = c.var.principal }: Governed,
  handler: (hold: Hold) => Promise<{ result: T } & Partial<HoldEnd>>,
): Promise<T> {
  const { services, trace } = c.var;
  const hold = await openHold(
    {
      meter: services.meterOf(principal),
      clock: services.clock,
      trace,
      principal,
      orphanAfterMs: services.settings.PARAPET_ORPHAN_AFTER_MS,
      waitUntil: (promise) => c.executionCtx.waitUntil(promise),
    },
    { action, target, bound, usage },
  );
  try {
    const { result, ...end } = await handler(hold);
    hold.settle({ outcome: "ok", ...end });
    return result;
  } catch (cause) {
    hold.settle({ outcome: toAppError(cause).code });
    throw cause;
  }
}

/** The row of a change made in this request. */
export function changeIn(
  c: AppContext,
  change: { action: string; target: string; detail: AuditRecord["detail"]; principal?: Principal },
): AuditRecord {
  const { services, trace, principal } = c.var;
  return changeRecord({ principal, traceId: trace.traceId, atMs: services.clock(), ...change });
}
