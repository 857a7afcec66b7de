import type { FinishReason } from "../../core/chat.ts";

const known: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  // Only with server tools, which are never sent: the model would go on if asked again.
  pause_turn: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};

/** What was called counts more than the word for it. Words we do not know mean `stop`. */
export function mapFinishReason(reason: string, hasToolCalls: boolean): FinishReason {
  const mapped = known[reason] ?? "stop";
  return mapped === "stop" && hasToolCalls ? "tool_calls" : mapped;
}
