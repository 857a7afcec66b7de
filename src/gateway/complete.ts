import type { ChatRequest } from "../core/chat.ts";
import { sha256Hex } from "../core/hash.ts";
import { newId } from "../core/ids.ts";
import { codeOf } from "./account-call.ts";
import { callModel } from "./call-model.ts";
import { callWithFallback, type Attempt } from "./call-with-fallback.ts";
import { checkAnswer } from "./check-answer.ts";
import { claimFor, describeClaim } from "./claim-for.ts";
import { describeAnswer, settleAnswered, type Answer, type Completion } from "./completion.ts";
import { withDeadline } from "./deadline.ts";
import { fallbackContext } from "./fallback-context.ts";
import { ground, type Grounding } from "./ground.ts";
import { extractedAnswer, insufficientAnswer, isOutage } from "./last-resort.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { insistOnContract } from "./repair-answer.ts";
import type { ClaimedAnswer } from "./response-cache.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";

/** A chat completion, whole: screened, admitted, grounded, routed, answered, checked, settled. */
export async function complete(request: ChatRequest, asking: RequestScope, deps: GatewayDeps): Promise<Completion> {
  const scope = withDeadline(asking, request, deps);
  const prepared = await prepare(request, scope, deps); // refusals that cost nothing, the route, then limits and budget
  const attempts: Attempt[] = [];
  try {
    const grounding = await ground(prepared, scope, deps); // only when a collection is named; inside the hold
    const claimed = await claimFor(prepared, grounding, scope, deps); // only where a cache was asked for
    const answer =
      "hit" in claimed
        ? claimed.hit.answer
        : await leading(claimed, () => answerFrom(prepared, grounding, attempts, scope, deps));
    const origin = { attempts, ...describeClaim(claimed) };
    const completion = {
      id: newId("completion"),
      createdMs: prepared.startMs,
      answer,
      parapet: describeAnswer(answer, origin, prepared, scope, deps),
    };
    const outputHash = await sha256Hex(answer.content ?? "");
    settleAnswered(completion, { outputHash, cachedFrom: origin.cachedFrom }, prepared, scope, deps);
    return completion;
  } catch (cause) {
    prepared.hold.settle({ outcome: codeOf(cause) });
    throw cause;
  }
}

/** Whoever asks the same meanwhile waits for this answer, or for the news that there is none. */
async function leading(claimed: ClaimedAnswer, ask: () => Promise<Answer>): Promise<Answer> {
  if (!("lead" in claimed)) return ask();
  try {
    const answer = await ask();
    void claimed.lead.keep(answer);
    return answer;
  } catch (cause) {
    claimed.lead.release();
    throw cause;
  }
}

/** One answer, whole, in the form that was asked for, checked. */
export async function answerFrom(
  prepared: Prepared,
  grounding: Grounding | null,
  attempts: Attempt[],
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<Answer> {
  if (grounding !== null && !grounding.sufficient) return insufficientAnswer(grounding);
  const { plan, hold, identity, promptBound } = prepared;
  const request = grounding?.request ?? prepared.request;
  try {
    const { value, candidate } = await callWithFallback({
      ...fallbackContext(scope, deps),
      plan,
      hold,
      promptBound,
      attempts,
      attempt: (next, permit) => callModel({ candidate: next, request, identity, hold, permit }, scope, deps),
    });
    const result = await insistOnContract({ result: value, candidate, request }, { prepared, attempts }, scope, deps);
    return checkAnswer({ result, candidate, grounding }, prepared, scope, deps);
  } catch (cause) {
    if (grounding !== null && isOutage(cause)) return extractedAnswer(grounding, prepared, deps);
    throw cause;
  }
}
