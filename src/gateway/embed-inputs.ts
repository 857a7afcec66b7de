import { AppError } from "../core/errors.ts";
import type { ModelCard } from "../core/model.ts";
import { upperBoundOf, type TokenUsage } from "../core/money.ts";
import type { ParapetRequest } from "../core/parapet-extension.ts";
import { refuseDisallowed } from "../core/refuse-disallowed.ts";
import { codeOf, noUsage, usageRow, type CallIdentity } from "./account-call.ts";
import { embedTexts } from "./embed-texts.ts";
import { boundTokens } from "./bound-tokens.ts";
import { openHold } from "./hold.ts";
import { holdDeps } from "./prepare.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";

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

/** Embeds what a caller sends: admitted, called, settled. `auto` and the tiers mean the model that retrieval uses. */
export async function embedInputs(request: EmbedRequest, scope: RequestScope, deps: GatewayDeps): Promise<Embedded> {
  refuseDisallowed({ model: request.model, parapet: request.extension }, scope.principal);
  const card = chooseEmbeddingModel(request, deps);
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

function chooseEmbeddingModel({ model, extension }: EmbedRequest, deps: GatewayDeps): ModelCard {
  const isAlias = model === "auto" || model === "fast" || model === "standard" || model === "reasoning";
  const card = isAlias ? deps.retrievalModel : deps.models.find(model);
  if (card === null || card.kind !== "embedding") {
    throw new AppError(
      "model_not_found",
      `${JSON.stringify(model.slice(0, 80))} is not an embedding model here. GET /v1/models lists what is.`,
      {
        param: "model",
      },
    );
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
