/** Redacts a whole conversation: any message of it, and any tool's answer, reaches the model. */
import type { ChatMessage, ThinkingBlock, ToolCall } from "../core/chat.ts";
import { redactJson } from "./redact-json.ts";
import type { SpanRule } from "./span-rule.ts";
import { redactText } from "./stream-filter.ts";

type Part = Exclude<ChatMessage["content"], string | null | undefined>[number];

/**
 * The text of neighbouring parts becomes one part: a model reads them as one, so they are searched as one. Where a part ends
 * a cached prefix the mark stays with the whole.
 */
function mergeTextParts(message: ChatMessage): ChatMessage {
  if (message.content === null || message.content === undefined || typeof message.content === "string") return message;
  // The role decides which parts there are; merging makes none of another kind.
  return { ...message, content: mergeParts(message.content) } as ChatMessage;
}

function mergeParts(parts: readonly Part[]): Part[] {
  const merged: Part[] = [];
  for (const original of parts) {
    // What a model declined to say is text like any other.
    const part: Part = original.type === "refusal" ? { type: "text", text: original.refusal } : original;
    const last = merged.at(-1);
    if (last?.type !== "text" || part.type !== "text") {
      merged.push(part);
      continue;
    }
    const mark = part.cache_control ?? last.cache_control;
    merged[merged.length - 1] = {
      type: "text",
      text: `${last.text}\n${part.text}`,
      ...(mark === undefined ? {} : { cache_control: mark }),
    };
  }
  return merged;
}

/** The conversation with what the rules find replaced; images are left alone. `onFound` hears of each message's findings. */
export function redactConversation(
  messages: readonly ChatMessage[],
  rules: readonly SpanRule[],
  onFound: (param: string, counts: ReadonlyMap<string, number>) => void,
): ChatMessage[] {
  return messages.map((original, index) => {
    const message = mergeTextParts(original);
    function redact(text: string): string {
      return report(redactText(text, { rules }));
    }
    function report(result: { text: string; counts: ReadonlyMap<string, number> }): string {
      if (result.counts.size > 0) onFound(`messages.${index}`, result.counts);
      return result.text;
    }
    function redactPart(part: Part): Part {
      if (part.type === "text") return { ...part, text: redact(part.text) };
      if (part.type !== "file" || part.file.filename === undefined) return part;
      return { ...part, file: { ...part.file, filename: redact(part.file.filename) } };
    }
    /** Parts with cache marks stay apart as long as nothing is found where they meet. */
    function redactParts(marked: readonly Part[], whole: readonly Part[]): Part[] {
      const textOfParts = (list: readonly Part[]) =>
        list.map((part) => (part.type === "text" ? redactText(part.text, { rules }).text : "")).join("\n");
      const isSplit = marked.some((part) => "cache_control" in part) && marked.length > whole.length;
      const parts = isSplit && textOfParts(marked) === textOfParts(whole) ? marked : whole;
      return parts.map(redactPart);
    }
    function redactThinking(block: ThinkingBlock): ThinkingBlock[] {
      // Its signature covers every letter: a block that must not be sent as it is cannot be sent at all.
      if (block.type === "redacted_thinking") return [block];
      return redact(block.thinking) === block.thinking ? [block] : [];
    }
    function redactCall(call: ToolCall): ToolCall {
      const name = redact(call.function.name);
      // A placeholder in brackets is no function name for a provider.
      const safeName = name === call.function.name ? name : name.replace(/[^a-zA-Z0-9_-]/g, "_");
      const args = report(redactJson(call.function.arguments, rules));
      return { ...call, function: { ...call.function, name: safeName, arguments: args } };
    }
    const parts = Array.isArray(message.content) && Array.isArray(original.content) ? original.content : [];
    const content =
      typeof message.content === "string"
        ? redact(message.content)
        : message.content && redactParts(mergeNone(parts), message.content);
    // Redaction changes texts, never the kind of a message or of its parts.
    const redacted = { ...message, ...(content === undefined ? {} : { content }) } as ChatMessage;
    if (redacted.role === "tool") return redacted;
    if (redacted.name !== undefined) redacted.name = redact(redacted.name);
    if (redacted.role !== "assistant") return redacted;
    const { refusal, tool_calls: calls, thinking_blocks: blocks } = redacted;
    return {
      ...redacted,
      ...(typeof refusal === "string" ? { refusal: redact(refusal) } : {}),
      ...(calls === undefined ? {} : { tool_calls: calls.map(redactCall) }),
      ...(blocks === undefined ? {} : { thinking_blocks: blocks.flatMap(redactThinking) }),
    };
  });
}

/** The parts as they are, refusals as the text they are. */
function mergeNone(parts: readonly Part[]): Part[] {
  return parts.flatMap((part) => mergeParts([part]));
}
