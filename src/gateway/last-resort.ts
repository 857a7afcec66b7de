import { AppError, type ErrorCode } from "../core/errors.ts";
import { insufficientEvidenceText } from "../retrieval/answer.ts";
import { noUsage } from "./account-call.ts";
import { extractiveModel, type Answer } from "./completion.ts";
import type { Grounding } from "./ground.ts";

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
  toolCalls: [],
  finishReason: "stop",
  usage: noUsage,
  generated: false,
  unsupportedSentences: 0,
} as const;

/** The best passages verbatim, each cited, when no model answers or none of its sentences stands. */
export function extractedAnswer(grounding: Grounding): Answer {
  const extract = grounding.extract();
  if (extract.grounding === "insufficient_evidence") return insufficientAnswer(grounding);
  return {
    ...bare,
    toolCalls: [],
    model: extractiveModel,
    content: extract.text,
    degraded: true,
    grounding: "grounded",
    citations: extract.citations,
  };
}

/** Said instead of a guess. */
export function insufficientAnswer(grounding: Grounding): Answer {
  return {
    ...bare,
    toolCalls: [],
    model: extractiveModel,
    content: insufficientEvidenceText,
    degraded: grounding.degraded,
    grounding: "insufficient_evidence",
    citations: [],
  };
}
