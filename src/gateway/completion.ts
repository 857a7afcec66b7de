import type { ChoiceLogprob, FinishReason, ThinkingBlock, ToolCall } from "../core/chat.ts";
import type { TokenUsage } from "../core/money.ts";
import type { Citation, ParapetResponse } from "../core/parapet-extension.ts";
import { attribute } from "../telemetry/attributes.ts";
import type { Attempt } from "./call-with-fallback.ts";
import type { CacheOutcome } from "./claim-for.ts";
import type { Prepared } from "./prepare.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";

/** An answer, checked: what the caller gets. */
export interface Answer {
  /** `provider/model`, or `parapet/extractive`. */
  model: string;
  content: string | null;
  refusal: string | null;
  toolCalls: ToolCall[];
  thinking: ThinkingBlock[];
  logprobs: ChoiceLogprob[] | null;
  finishReason: FinishReason;
  stopSequence: string | null;
  usage: TokenUsage;
  generated: boolean;
  degraded: boolean;
  grounding: ParapetResponse["grounding"];
  citations: Citation[];
  unsupportedSentences: number;
}

export interface Completion {
  id: string;
  createdMs: number;
  answer: Answer;
  parapet: ParapetResponse;
}

/** The model of an answer that is put together from the sources' own sentences. */
export const extractiveModel = "parapet/extractive";

/** How an answer came about. */
export interface Origin {
  attempts: Attempt[];
  cache: CacheOutcome;
  /** The trace in which a cached answer was made. */
  cachedFrom: string | null;
}

/** What Parapet says of an answer. */
export function describeAnswer(
  answer: Answer,
  { attempts, cache }: Origin,
  prepared: Prepared,
  scope: RequestScope,
  deps: GatewayDeps,
): ParapetResponse {
  const { plan, hold } = prepared;
  return {
    trace_id: scope.trace.traceId,
    route: {
      tier: plan.tier,
      model: answer.model,
      reason: plan.reason,
      candidates: plan.candidates.map(({ card }) => card.id),
      attempts,
    },
    cost_micros: hold.costMicros,
    cache,
    degraded: answer.degraded,
    generated: answer.generated,
    grounding: answer.grounding,
    citations: answer.citations,
    unsupported_sentences: answer.unsupportedSentences,
    guardrails: hold.verdicts.map(({ guardrail, stage, action, rules, redactions }) => ({
      guardrail,
      stage,
      action,
      rules,
      redactions,
    })),
    latency_ms: Math.max(0, deps.clock() - prepared.startMs),
  };
}

/** Settles a request that was answered, and keeps what was said; both after the response. */
export function settleAnswered(
  completion: Completion,
  { outputHash, cachedFrom }: { outputHash: string; cachedFrom: string | null },
  prepared: Prepared,
  scope: RequestScope,
  deps: GatewayDeps,
): void {
  const { hold, plan, startMs } = prepared;
  const { answer } = completion;
  scope.trace.root.set({ [attribute.grounding]: answer.grounding, [attribute.citations]: answer.citations.length });
  hold.settle({
    outcome: "ok",
    target: answer.model,
    detail: {
      completion: completion.id,
      route_reason: plan.reason,
      grounding: answer.grounding,
      degraded: answer.degraded,
      cache: completion.parapet.cache,
      ...(cachedFrom === null ? {} : { cached_from: cachedFrom }),
      sources: answer.citations.map((source) => source.chunk_id),
      output_hash: outputHash,
    },
  });
  const place = {
    projectId: scope.principal.projectId,
    traceId: scope.trace.traceId,
    atMs: startMs,
    contentKey: hold.contentKey,
  };
  scope.waitUntil(
    deps.keepContent(place, {
      request: prepared.request,
      response: { content: answer.content, tool_calls: answer.toolCalls },
    }),
  );
}
