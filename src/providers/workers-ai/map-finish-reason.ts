import type { FinishReason } from "../../core/chat.ts";
import type { TokenUsage } from "../../core/money.ts";

/** A classic answer does not say why it ended: where it filled its budget it was cut. */
export function inferFinishReason(end: {
  usage: TokenUsage | null;
  hasToolCalls: boolean;
  maxTokens: number | null;
}): FinishReason {
  if (end.hasToolCalls) return "tool_calls";
  const isFull = end.maxTokens !== null && end.usage !== null && end.usage.outputTokens >= end.maxTokens;
  return isFull ? "length" : "stop";
}
