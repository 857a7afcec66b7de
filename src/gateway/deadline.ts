import type { ChatRequest } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";

/** The caller's own deadline, as a header; `parapet.timeout_ms` in the body says the same, and the shorter one holds. */
export const timeoutHeader = "x-parapet-timeout-ms";

/**
 * Reads the header. Throws `invalid_request` for what is no whole number of milliseconds from 1 to the deployment's total timeout;
 * `null` without one.
 */
export function parseTimeoutHeader(value: string | null, totalTimeoutMs: number): number | null {
  if (value === null) return null;
  return requireTimeout(/^\d{1,9}$/.test(value) ? Number(value) : 0, timeoutHeader, totalTimeoutMs);
}

/** The scope with its deadline: all attempts, waits and repairs of the request end before it. */
export function withDeadline(
  scope: RequestScope,
  request: Pick<ChatRequest, "parapet">,
  deps: Pick<GatewayDeps, "clock" | "totalTimeoutMs">,
): RequestScope {
  const asked = request.parapet?.timeout_ms;
  const timeoutMs =
    asked === undefined ? deps.totalTimeoutMs : requireTimeout(asked, "parapet.timeout_ms", deps.totalTimeoutMs);
  return {
    ...scope,
    deadlineMs: Math.min(scope.deadlineMs ?? Infinity, deps.clock() + timeoutMs),
    hasOwnDeadline: scope.hasOwnDeadline === true || timeoutMs < deps.totalTimeoutMs,
  };
}

function requireTimeout(timeoutMs: number, param: string, totalTimeoutMs: number): number {
  if (timeoutMs >= 1 && timeoutMs <= totalTimeoutMs) return timeoutMs;
  throw new AppError(
    "invalid_request",
    `${param} must be a whole number of milliseconds from 1 to ${totalTimeoutMs}.`,
    {
      param,
    },
  );
}
