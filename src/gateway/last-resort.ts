import { AppError, type ErrorCode } from "../core/errors.ts";
import { insufficientEvidenceText } from "../retrieval/answer.ts";
import { noUsage } from "./account-call.ts";
import { extractiveModel, type Answer } from "./completion.ts";
import type { Citation } from "../core/parapet-extension.ts";
import type { Guardrails } from "../guardrails/run-guardrails.ts";
import type { Grounding } from "./ground.ts";
import type { Prepared } from "./prepare.ts";
import type { GatewayDeps } from "./request-scope.ts";

/** Failures of the providers, not of the request: what a grounded question survives without a model. */
const outages: readonly ErrorCode[] = [
  "model_unavailable",
  "upstream_error",
  "upstream_rate_limited",
  "upstream_timeout",
  "upstream_incomplete",
  "upstream_invalid_response",
  "upstream_auth",
];

export function isOutage(cause: unknown): boolean {
  return cause instanceof AppError && outages.includes(cause.code);
}

const bare = {
  refusal: null,
  logprobs: null,
  finishReason: "stop",
  stopSequence: null,
  usage: noUsage,
  generated: false,
  unsupportedSentences: 0,
} as const;

/** The best passages verbatim, each cited, when no model answers or none of its sentences stands. Checked like any other output. */
export function extractedAnswer(grounding: Grounding, { hold }: Prepared, { guardrails }: GatewayDeps): Answer {
  const extract = grounding.extract();
  if (extract.grounding === "insufficient_evidence") return insufficientAnswer(grounding);
  const checked = guardrails.checkOutput(extract.text, { allowedUrls: grounding.allowedUrls });
  hold.verdicts.push(...checked.verdicts);
  return {
    ...bare,
    toolCalls: [],
    thinking: [],
    model: extractiveModel,
    content: checked.text,
    degraded: true,
    grounding: "grounded",
    citations: safeCitations(extract.citations, grounding, guardrails),
  };
}

/** A quote leaves the deployment as the answer does: what must not be said must not be cited either. */
export function safeCitations(citations: Citation[], { allowedUrls }: Grounding, guardrails: Guardrails): Citation[] {
  const safe = (text: string) => guardrails.checkOutput(text, { allowedUrls }).text;
  return citations.map((source) => ({
    ...source,
    quote: safe(source.quote),
    document_title: safe(source.document_title),
  }));
}

/** Said instead of a guess. */
export function insufficientAnswer(grounding: Grounding): Answer {
  return {
    ...bare,
    toolCalls: [],
    thinking: [],
    model: extractiveModel,
    content: insufficientEvidenceText,
    degraded: grounding.degraded,
    grounding: "insufficient_evidence",
    citations: [],
  };
}
