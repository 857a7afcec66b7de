import { AppError } from "../core/errors.ts";
import { refuseDisallowed } from "../core/refuse-disallowed.ts";
import { textOf, type ChatRequest } from "../core/chat.ts";
import type { Verdict } from "../core/verdict.ts";
import { GuardrailError } from "../guardrails/guardrail-error.ts";
import { attribute } from "../telemetry/attributes.ts";
import { codeOf, noUsage, usageRow, type CallIdentity } from "./account-call.ts";
import { contractOf, type AnswerContract } from "./answer-contract.ts";
import { chooseRoute, type RoutePlan } from "./choose-route.ts";
import { nameModels } from "./name-models.ts";
import { normaliseRequest } from "./normalise-request.ts";
import { openHold, type Hold } from "./hold.ts";
import { routeInputOf } from "./plan-route.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { noSuchCollection, type SearchableCollection } from "./searchable-collection.ts";
import { traceVerdicts } from "./trace-verdicts.ts";

/** A request that was screened, routed and admitted: from here on it costs. */
export interface Prepared {
  request: ChatRequest;
  plan: RoutePlan;
  hold: Hold;
  identity: CallIdentity;
  /** The form that was asked for. */
  contract: AnswerContract;
  /** `null` when the request names no collection. */
  collection: SearchableCollection | null;
  /** Upper bound of the prompt, with room for the sources. */
  promptBound: number;
  startMs: number;
}

/** Cheap refusals first, then the route, then one hop to the meter; nothing before that hop costs money. */
export async function prepare(given: ChatRequest, scope: RequestScope, deps: GatewayDeps): Promise<Prepared> {
  const startMs = deps.clock();
  const asked = nameModels(given, deps.models);
  refuseDisallowed(asked, scope.principal);
  const request = normaliseRequest(asked);
  const screened = await screen(request, scope, deps);
  const contract = contractOf(screened.request);
  refuseGrounding(request, scope);
  const isGrounded = request.parapet?.collection !== undefined;
  const prompt = isGrounded ? deps.prompts.current(deps.groundedPrompt) : null;
  const identity = { principal: scope.principal, traceId: scope.trace.traceId, extension: request.parapet, prompt };

  const input = routeInputOf(screened.request, scope.principal, deps);
  const size = input.prompt;
  const plan = chooseRoute(input);
  scope.trace.root.set({
    [attribute.routeReason]: plan.reason,
    [attribute.routeCandidates]: plan.candidates.map(({ card }) => card.id),
  });

  const [first] = plan.candidates;
  const draftFacts = {
    operation: "chat",
    card: first.card,
    usage: { ...noUsage, inputTokens: size.expected },
    startMs,
  } as const;
  const searchMicros = isGrounded ? embeddingBoundMicros(deps) : 0;
  const hold = await openHold(holdDeps(scope, deps), {
    action: scope.action,
    target: first.card.id,
    bound: {
      costMicros: first.boundMicros + searchMicros,
      leastCostMicros: first.leastBoundMicros + searchMicros,
      tokens: size.bound + first.maxOutputTokens,
    },
    usage: usageRow(identity, { ...draftFacts, firstTokenMs: null, outputHash: null, outcome: "running" }, deps.clock),
  });
  hold.verdicts.push(...screened.verdicts);
  const collection = await findCollection(request, hold, scope, deps);
  return { request: screened.request, plan, hold, identity, contract, collection, promptBound: size.bound, startMs };
}

export function holdDeps(scope: RequestScope, deps: GatewayDeps) {
  const { principal, trace } = scope;
  const waitUntil = (promise: Promise<unknown>) => scope.waitUntil(promise);
  return {
    meter: deps.meterOf(principal),
    clock: deps.clock,
    trace,
    principal,
    orphanAfterMs: deps.orphanAfterMs,
    waitUntil,
  };
}

async function screen(
  request: ChatRequest,
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<{ request: ChatRequest; verdicts: Verdict[] }> {
  try {
    const { tools, tool_choice: choice, response_format: format, stop } = request;
    const { messages, verdicts } = deps.guardrails.screenInput(request.messages, tools, {
      response_format: format,
      stop,
    });
    const fields = {
      tools: deps.guardrails.redactValue(tools, "tools"),
      tool_choice: deps.guardrails.redactValue(choice, "tool_choice"),
      response_format: deps.guardrails.redactValue(format, "response_format"),
      stop: deps.guardrails.redactValue(stop, "stop"),
    };
    const found = Object.values(fields).flatMap((field) =>
      field.verdicts.filter((verdict) => verdict.action !== "pass"),
    );
    verdicts.push(...found);
    traceVerdicts(verdicts, scope.trace);
    const screened: ChatRequest = { ...request, messages, stop: fields.stop.value };
    if (fields.tools.value !== undefined) screened.tools = fields.tools.value;
    if (fields.tool_choice.value !== undefined) screened.tool_choice = fields.tool_choice.value;
    if (fields.response_format.value !== undefined) screened.response_format = fields.response_format.value;
    return { request: screened, verdicts };
  } catch (cause) {
    if (cause instanceof GuardrailError) await recordRefusal(cause, scope, deps);
    throw cause;
  }
}

/** A refusal costs nothing, but it counts against the rate limit and stands in the audit log. */
export async function recordRefusal(refusal: GuardrailError, scope: RequestScope, deps: GatewayDeps): Promise<void> {
  traceVerdicts(refusal.verdicts, scope.trace);
  const hold = await openHold(holdDeps(scope, deps), {
    action: scope.action,
    target: null,
    bound: { costMicros: 0, tokens: 0 },
    usage: null,
  });
  hold.verdicts.push(...refusal.verdicts);
  hold.settle({ outcome: refusal.code });
}

/** What is wrong with a grounded request, as far as the request itself shows it. */
function refuseGrounding(request: ChatRequest, { principal }: RequestScope): void {
  if (request.parapet?.collection === undefined) return;
  if (!principal.scopes.has("collections:read")) {
    throw new AppError("forbidden", "Grounding an answer needs a key with the scope `collections:read`.", {
      param: "parapet.collection",
    });
  }
  if (request.response_format !== undefined && request.response_format.type !== "text") {
    throw new AppError("unsupported_parameter", "response_format: grounded answers are prose, each sentence cited", {
      param: "response_format",
    });
  }
  if (!request.messages.some((message) => message.role === "user" && textOf(message).trim() !== "")) {
    throw new AppError("invalid_request", "messages: a grounded request needs a user message with text", {
      param: "messages",
    });
  }
}

/** Inside the hold: a key that is revoked, or over its limits, must not find out which collections there are. */
async function findCollection(
  request: ChatRequest,
  hold: Hold,
  { principal }: RequestScope,
  deps: GatewayDeps,
): Promise<SearchableCollection | null> {
  const id = request.parapet?.collection;
  if (id === undefined) return null;
  try {
    const collection = await deps.findCollection(principal.projectId, id);
    if (collection === null) throw noSuchCollection("parapet.collection");
    return collection;
  } catch (cause) {
    hold.settle({ outcome: codeOf(cause) });
    throw cause;
  }
}

/** A query is at most as long as the embedding model reads. */
function embeddingBoundMicros(deps: GatewayDeps): number {
  const { price, contextWindow } = deps.retrievalModel;
  if (price === null) return 0;
  return Math.ceil((contextWindow * price.inputPico) / 1_000_000);
}
