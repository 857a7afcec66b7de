import type { Grounding } from "./ground.ts";
import type { Prepared } from "./prepare.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { claimAnswer, type ClaimedAnswer } from "./response-cache.ts";

/** Asks the response cache for a prepared request; what the sources do not answer is never looked up. */
export async function claimFor(
  prepared: Prepared,
  grounding: Grounding | null,
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<ClaimedAnswer> {
  if (grounding !== null && !grounding.sufficient) return { off: true };
  return claimAnswer(
    {
      principal: scope.principal,
      request: grounding?.request ?? prepared.request,
      sources: grounding?.sentences ?? null,
      candidate: prepared.plan.candidates[0],
      prompt: prepared.identity.prompt,
      contentKey: prepared.hold.contentKey,
      traceId: scope.trace.traceId,
      deadlineMs: scope.deadlineMs ?? deps.clock() + deps.totalTimeoutMs,
      signal: scope.signal,
      waitUntil: (promise) => scope.waitUntil(promise),
    },
    deps.responseCache,
  );
}

/** As the header `x-parapet-cache` says it. */
export type CacheOutcome = "hit" | "miss" | "none";

/** How the cache had part in an answer, and the trace in which a kept one was made. */
export function describeClaim(claimed: ClaimedAnswer): { cache: CacheOutcome; cachedFrom: string | null } {
  if ("hit" in claimed) return { cache: "hit", cachedFrom: claimed.hit.traceId };
  return { cache: "lead" in claimed ? "miss" : "none", cachedFrom: null };
}
