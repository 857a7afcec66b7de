/** Redacts a whole conversation: any message of it, and any tool's answer, reaches the model. */
import type { ChatMessage, ToolCall } from "../core/chat.ts";
import { redactJson } from "./redact-json.ts";
import type { SpanRule } from "./span-rule.ts";
import { redactText } from "./stream-filter.ts";

interface TextPart {
  type: "text";
  text: string;
}

/** The text of neighbouring parts becomes one part: a model reads them as one, so they are searched as one. */
export function mergeTextParts(message: ChatMessage): ChatMessage {
  if (message.content === null || message.content === undefined || typeof message.content === "string") return message;
  if (message.role === "user") return { ...message, content: mergeParts(message.content) };
  return { ...message, content: mergeParts(message.content) };
}

function mergeParts<Part extends { type: string }>(parts: readonly (Part | TextPart)[]): (Part | TextPart)[] {
  const merged: (Part | TextPart)[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (last !== undefined && "text" in last && "text" in part) {
      merged[merged.length - 1] = { type: "text", text: `${last.text}\n${part.text}` };
    } else {
      merged.push(part);
    }
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
    function redactParts<Part extends { type: string }>(parts: readonly (Part | TextPart)[]) {
      return parts.map((part) => ("text" in part ? { ...part, text: redact(part.text) } : part));
    }
    function redactCall(call: ToolCall): ToolCall {
      const name = redact(call.function.name);
      // A placeholder in brackets is no function name for a provider.
      const safeName = name === call.function.name ? name : name.replace(/[^a-zA-Z0-9_-]/g, "_");
      const args = report(redactJson(call.function.arguments, rules));
      return { ...call, function: { ...call.function, name: safeName, arguments: args } };
    }
    switch (message.role) {
      case "user":
        return {
          ...message,
          content: typeof message.content === "string" ? redact(message.content) : redactParts(message.content),
          ...(message.name === undefined ? {} : { name: redact(message.name) }),
        };
      case "system":
      case "developer":
        return {
          ...message,
          content: typeof message.content === "string" ? redact(message.content) : redactParts(message.content),
          ...(message.name === undefined ? {} : { name: redact(message.name) }),
        };
      case "tool":
        return {
          ...message,
          content: typeof message.content === "string" ? redact(message.content) : redactParts(message.content),
        };
      case "assistant": {
        const { content, refusal, name, tool_calls: calls } = message;
        return {
          ...message,
          content: typeof content === "string" ? redact(content) : content && redactParts(content),
          ...(typeof refusal === "string" ? { refusal: redact(refusal) } : {}),
          ...(name === undefined ? {} : { name: redact(name) }),
          ...(calls === undefined ? {} : { tool_calls: calls.map(redactCall) }),
        };
      }
    }
  });
}
