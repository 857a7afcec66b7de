import type { ModelCard } from "../core/model.ts";
import { attribute } from "../telemetry/attributes.ts";
import { codeOf, noUsage, usageOfFailure, usageRow, type CallIdentity } from "./account-call.ts";
import { endFailedCall } from "./end-failed-call.ts";
import { estimateTokens } from "./estimate-tokens.ts";
import type { Hold } from "./hold.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";

export interface EmbedTexts {
  card: ModelCard;
  inputs: string[];
  dimensions?: number;
  identity: CallIdentity;
  hold: Hold;
}

/** Embeds inside a hold: one call, one span, one usage row. */
export async function embedTexts(
  { card, inputs, dimensions, identity, hold }: EmbedTexts,
  scope: RequestScope,
  deps: GatewayDeps,
) {
  const startMs = deps.clock();
  const span = scope.trace.startSpan(`embeddings ${card.name}`, {
    kind: "client",
    attributes: {
      [attribute.operationName]: "embeddings",
      [attribute.providerName]: providerAttribute(card),
      [attribute.requestModel]: card.name,
    },
  });
  const counted = { inputTokens: inputs.reduce((total, text) => total + estimateTokens(text), 0), outputTokens: 0 };
  try {
    const result = await deps.models.embeddingModelFor(card).embed({
      card,
      inputs,
      ...(dimensions === undefined ? {} : { dimensions }),
      signal: AbortSignal.any([scope.signal, AbortSignal.timeout(deps.totalTimeoutMs)]),
      traceparent: scope.trace.traceparent(span),
    });
    const usage = result.usage ?? { ...noUsage, ...counted, estimated: true };
    hold.record(
      usageRow(
        identity,
        { operation: "embeddings", card, usage, startMs, firstTokenMs: null, outputHash: null, outcome: "ok" },
        deps.clock,
      ),
    );
    span.set({ [attribute.responseModel]: result.model, [attribute.inputTokens]: usage.inputTokens });
    span.end();
    return { ...result, usage };
  } catch (cause) {
    const usage = usageOfFailure(cause, counted, { card, maxOutputTokens: 0, isStream: false });
    hold.record(
      usageRow(
        identity,
        { operation: "embeddings", card, usage, startMs, firstTokenMs: null, outputHash: null, outcome: codeOf(cause) },
        deps.clock,
      ),
    );
    endFailedCall(span, { model: card.id, cause }, deps);
    throw cause;
  }
}

/** The semantic conventions' value for a provider. */
export function providerAttribute(card: ModelCard): string {
  return card.provider === "workers-ai" ? "cloudflare.workers_ai" : card.provider;
}
