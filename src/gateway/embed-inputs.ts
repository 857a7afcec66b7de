import { AppError } from "../core/errors.ts";
import type { ModelCard } from "../core/model.ts";
import { upperBoundOf, type TokenUsage } from "../core/money.ts";
import type { ParapetRequest } from "../core/parapet-extension.ts";
import type { Principal } from "../core/principal.ts";
import { mayName, refuseDisallowed } from "../core/refuse-disallowed.ts";
import type { Verdict } from "../core/verdict.ts";
import { GuardrailError } from "../guardrails/guardrail-error.ts";
import { codeOf, noUsage, usageRow, type CallIdentity } from "./account-call.ts";
import { embedTexts } from "./embed-texts.ts";
import { boundTokens } from "./bound-tokens.ts";
import { openHold } from "./hold.ts";
import { modelNotFound } from "./model-not-found.ts";
import { nameModels } from "./name-models.ts";
import { refuseTooMuchText } from "./normalise-request.ts";
import { holdDeps, recordRefusal } from "./prepare.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { traceVerdicts } from "./trace-verdicts.ts";

export interface EmbedRequest {
  model: string;
  inputs: string[];
  dimensions?: number;
  extension: ParapetRequest | undefined;
}

export interface Embedded {
  card: ModelCard;
  vectors: number[][];
  usage: TokenUsage;
  costMicros: number;
}

/** Start and end marks of an input. */
const tokensPerInput = 4;

/** Embeds what a caller sends: redacted, admitted, called, settled. `auto` and the tiers mean the model that retrieval uses. */
export async function embedInputs(asked: EmbedRequest, scope: RequestScope, deps: GatewayDeps): Promise<Embedded> {
  const named = nameModels(asked, deps.models);
  refuseDisallowed({ model: named.model, parapet: named.extension }, scope.principal);
  const card = chooseEmbeddingModel(named, scope.principal, deps);
  const { verdicts, ...redacted } = await redactInputs(named.inputs, scope, deps);
  const request: EmbedRequest = { ...named, ...redacted };
  const tokens = request.inputs.reduce((total, text) => total + boundTokens(text) + tokensPerInput, 0);
  const costMicros = card.price === null ? 0 : upperBoundOf({ input: tokens, output: 0 }, card.price);
  const budget = request.extension?.budget?.max_cost_micros;
  if (budget !== undefined && costMicros > budget) {
    throw new AppError(
      "budget_too_small",
      `The request may cost up to ${costMicros} micro-USD; its budget is ${budget}.`,
      {
        param: "parapet.budget.max_cost_micros",
      },
    );
  }
  const identity: CallIdentity = {
    principal: scope.principal,
    traceId: scope.trace.traceId,
    extension: request.extension,
    prompt: null,
  };
  const facts = {
    operation: "embeddings",
    card,
    usage: { ...noUsage, inputTokens: tokens },
    startMs: deps.clock(),
  } as const;
  const hold = await openHold(holdDeps(scope, deps), {
    action: scope.action,
    target: card.id,
    bound: { costMicros, tokens },
    usage: usageRow(identity, { ...facts, firstTokenMs: null, outputHash: null, outcome: "running" }, deps.clock),
  });
  hold.verdicts.push(...verdicts);
  try {
    const { dimensions } = request;
    const inputs = {
      card,
      inputs: request.inputs,
      ...(dimensions === undefined ? {} : { dimensions }),
      identity,
      hold,
    };
    const { vectors, usage } = await embedTexts(inputs, scope, deps);
    const size = vectors[0]?.length;
    if (dimensions !== undefined && size !== dimensions) {
      // Servers that do not know the parameter ignore it: their vectors would fit no index made for the size asked for.
      throw new AppError(
        "unsupported_parameter",
        `The vectors of ${card.id} have ${size} numbers, and no other size.`,
        {
          param: "dimensions",
        },
      );
    }
    hold.settle({ outcome: "ok" });
    return { card, vectors, usage, costMicros: hold.costMicros };
  } catch (cause) {
    hold.settle({ outcome: codeOf(cause) });
    throw cause;
  }
}

/** Secrets and personal data leave with a text that is embedded as with one that is answered. */
async function redactInputs(
  inputs: string[],
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<{ inputs: string[]; verdicts: Verdict[] }> {
  refuseTooMuchText(
    inputs.reduce((total, text) => total + text.length, 0),
    "input",
  );
  try {
    const { value, verdicts } = deps.guardrails.redactValue(inputs, "input");
    traceVerdicts(verdicts, scope.trace);
    return { inputs: value, verdicts };
  } catch (cause) {
    if (cause instanceof GuardrailError) await recordRefusal(cause, scope, deps);
    throw cause;
  }
}

function chooseEmbeddingModel({ model, extension }: EmbedRequest, principal: Principal, deps: GatewayDeps): ModelCard {
  const isAlias = model === "auto" || model === "fast" || model === "standard" || model === "reasoning";
  const card = isAlias ? deps.retrievalModel : deps.models.find(model);
  if (card === null || card.kind !== "embedding") {
    const offered = deps.models.list().filter((each) => each.kind === "embedding" && mayName(principal, each.id));
    throw modelNotFound(model, "model", offered);
  }
  if (extension?.sensitive === true && !card.staysAtEdge) {
    throw new AppError("invalid_request", `${card.id} leaves the edge, and the request is marked sensitive.`, {
      param: "parapet.sensitive",
    });
  }
  if (card.price === null)
    throw new AppError("price_unknown", `The price of ${card.id} is not known, so its cost cannot be bounded.`);
  return card;
}
