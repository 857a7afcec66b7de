import type { Principal } from "../core/principal.ts";
import { parseTimeoutHeader, timeoutHeader } from "../gateway/deadline.ts";
import type { RequestScope } from "../gateway/request-scope.ts";
import type { AppContext } from "./context.ts";

/** What the gateway knows of an HTTP request. */
export function requestScope(c: AppContext, principal: Principal, action: string): RequestScope {
  const { clock, settings } = c.var.services;
  const totalMs = settings.PARAPET_TOTAL_TIMEOUT_MS;
  const timeoutMs = parseTimeoutHeader(c.req.header(timeoutHeader) ?? null, totalMs) ?? totalMs;
  return {
    principal,
    action,
    deadlineMs: clock() + timeoutMs,
    hasOwnDeadline: timeoutMs < totalMs,
    trace: c.var.trace,
    signal: c.req.raw.signal,
    waitUntil: (promise) => c.executionCtx.waitUntil(promise),
  };
}
