import type { FinishReason } from "../../core/chat.ts";

const known: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  length: "length",
  max_tokens: "length",
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter",
  safety: "content_filter",
};

/** Several servers end with `stop` although they called a tool: what was called counts. Words we do not know mean `stop`. */
export function mapFinishReason(reason: string | null, hasToolCalls: boolean): FinishReason {
  const mapped = known[(reason ?? "stop").toLowerCase()] ?? "stop";
  return mapped === "stop" && hasToolCalls ? "tool_calls" : mapped;
}
