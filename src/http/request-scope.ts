import type { Principal } from "../core/principal.ts";
import type { RequestScope } from "../gateway/request-scope.ts";
import type { AppContext } from "./context.ts";

/** What the gateway knows of an HTTP request. */
export function requestScope(c: AppContext, principal: Principal): RequestScope {
  return {
    principal,
    trace: c.var.trace,
    signal: c.req.raw.signal,
    waitUntil: (promise) => c.executionCtx.waitUntil(promise),
  };
}
