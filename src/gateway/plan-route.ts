import type { ChatRequest } from "../core/chat.ts";
import type { Principal } from "../core/principal.ts";
import { mayUse, refuseDisallowed } from "../core/refuse-disallowed.ts";
import { chooseRoute, listObstacles, type RouteInput, type RoutePlan } from "./choose-route.ts";
import { contextForm } from "./context-form.ts";
import { estimateTokens, measurePrompt } from "./estimate-tokens.ts";
import { nameModels } from "./name-models.ts";
import { normaliseRequest } from "./normalise-request.ts";
import type { GatewayDeps } from "./request-scope.ts";

/** What a decision is made with. */
export type RoutingDeps = Pick<GatewayDeps, "models" | "prompts" | "groundedPrompt" | "strongShare">;

/** What `boundTokens` says of prose, for sources that are not there yet; `ground` reserves what is missing. */
const boundPerToken = 3;

/** What the router goes by: the request as it is sent, with room for the sources of a grounded one. */
export function routeInputOf(request: ChatRequest, principal: Principal, deps: RoutingDeps): RouteInput {
  const prompt = request.parapet?.collection === undefined ? null : deps.prompts.current(deps.groundedPrompt);
  const own = measurePrompt(request);
  const room =
    prompt === null ? 0 : contextForm[deps.groundedPrompt].maxTokens + estimateTokens(prompt.system + prompt.user);
  return {
    request,
    prompt: { expected: own.expected + room, bound: own.bound + room * boundPerToken },
    ownTokens: own.expected,
    models: deps.models,
    strongShare: deps.strongShare,
    mayUse: (card) => mayUse(principal, card),
  };
}

export interface RouteExplanation {
  plan: RoutePlan;
  obstacles: ReturnType<typeof listObstacles>;
}

/** The decision that a request would meet, without a call or a guardrail; refuses what routing would refuse. */
export function explainRoute(given: ChatRequest, principal: Principal, deps: RoutingDeps): RouteExplanation {
  const asked = nameModels(given, deps.models);
  refuseDisallowed(asked, principal);
  const input = routeInputOf(normaliseRequest(asked), principal, deps);
  const plan = chooseRoute(input);
  return { plan, obstacles: listObstacles(input, plan) };
}
