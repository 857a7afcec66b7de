import type { FallbackCall } from "./call-with-fallback.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { wait } from "./wait.ts";

/** What every fallback chain of a request shares: its deadline, its client, its clock, and what is known of the providers. */
export function fallbackContext(
  scope: RequestScope,
  deps: GatewayDeps,
): Required<
  Pick<FallbackCall<unknown>, "signal" | "wait" | "random" | "clock" | "deadlineMs" | "upstreams" | "waitUntil">
> {
  return {
    signal: scope.signal,
    wait,
    random: Math.random,
    clock: deps.clock,
    deadlineMs: scope.deadlineMs ?? deps.clock() + deps.totalTimeoutMs,
    upstreams: deps.upstreams,
    waitUntil: (promise) => scope.waitUntil(promise),
  };
}
