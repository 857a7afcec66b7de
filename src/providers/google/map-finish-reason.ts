import type { FinishReason } from "../../core/chat.ts";
import { AppError } from "../../core/errors.ts";

const known: Readonly<Record<string, FinishReason>> = {
  STOP: "stop",
  MAX_TOKENS: "length",
  SAFETY: "content_filter",
  RECITATION: "content_filter",
  LANGUAGE: "content_filter",
  BLOCKLIST: "content_filter",
  PROHIBITED_CONTENT: "content_filter",
  SPII: "content_filter",
  IMAGE_SAFETY: "content_filter",
};

/** Endings after which there is a broken tool call, or none, where there should be one. */
const malformed = new Set([
  "MALFORMED_FUNCTION_CALL",
  "MALFORMED_RESPONSE",
  "UNEXPECTED_TOOL_CALL",
  "TOO_MANY_TOOL_CALLS",
  "MISSING_THOUGHT_SIGNATURE",
]);

/** Gemini ends with `STOP` when it calls a function too. Throws where the ending is a failure, which another attempt may not meet. */
export function mapFinishReason(reason: string, hasToolCalls: boolean, provider: string): FinishReason {
  const mapped = known[reason];
  if (mapped !== undefined) return mapped === "stop" && hasToolCalls ? "tool_calls" : mapped;
  const detail = { internal: reason.slice(0, 100), retryable: true };
  if (malformed.has(reason)) {
    throw new AppError(
      "upstream_invalid_response",
      `The provider ${provider}'s model called a function in a way that could not be read.`,
      detail,
    );
  }
  // OTHER, and what nobody documented yet: the answer is not known to be complete.
  throw new AppError("upstream_incomplete", `The provider ${provider} ended its answer without saying why.`, detail);
}
