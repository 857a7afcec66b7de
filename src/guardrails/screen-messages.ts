/** Redacts and scores a whole conversation: any message of it, and any tool's answer, reaches the model. */
import type { ChatMessage, ToolDefinition } from "../core/chat.ts";
import { textOf } from "../core/chat.ts";
import type { InjectionScorer } from "./injection.ts";
import { redactJson } from "./redact-json.ts";
import type { SpanRule } from "./span-rule.ts";
import { redactText } from "./stream-filter.ts";

export interface InjectionFinding {
  /** The request field, e.g. `messages.3`. */
  param: string;
  score: number;
  rules: string[];
  /** False for an earlier answer of the model: one that explains an attack must not end the conversation for good. */
  mayRefuse: boolean;
}

/** Scores what others wrote. System and developer messages are the application's own words. */
export function scoreConversation(
  messages: readonly ChatMessage[],
  tools: readonly ToolDefinition[],
  score: InjectionScorer,
): InjectionFinding[] {
  const inMessages = messages.flatMap((message, index) => {
    const text = textOf(message);
    if (message.role === "system" || message.role === "developer" || text === "") return [];
    const found = score({ text, origin: message.role === "tool" ? "data" : "user" });
    return [{ param: `messages.${index}`, mayRefuse: message.role !== "assistant", ...found }];
  });
  const inTools = tools.flatMap((tool, index) => {
    if (tool.function.description === undefined) return [];
    return [
      { param: `tools.${index}`, mayRefuse: true, ...score({ text: tool.function.description, origin: "user" }) },
    ];
  });
  return [...inMessages, ...inTools];
}

/** The conversation with what the rules find replaced; images are left alone. `onFound` hears of each message's findings. */
export function redactConversation(
  messages: readonly ChatMessage[],
  rules: readonly SpanRule[],
  onFound: (param: string, counts: ReadonlyMap<string, number>) => void,
): ChatMessage[] {
  return messages.map((message, index) => {
    function redact(text: string): string {
      return report(redactText(text, { rules }));
    }
    function report(result: { text: string; counts: ReadonlyMap<string, number> }): string {
      if (result.counts.size > 0) onFound(`messages.${index}`, result.counts);
      return result.text;
    }
    function redactParts<Part extends { type: string }>(parts: readonly (Part | { type: "text"; text: string })[]) {
      return parts.map((part) => ("text" in part ? { ...part, text: redact(part.text) } : part));
    }
    switch (message.role) {
      case "user":
        return {
          ...message,
          content: typeof message.content === "string" ? redact(message.content) : redactParts(message.content),
        };
      case "system":
      case "developer":
      case "tool":
        return {
          ...message,
          content: typeof message.content === "string" ? redact(message.content) : redactParts(message.content),
        };
      case "assistant": {
        const { content, tool_calls: calls } = message;
        const redacted = typeof content === "string" ? redact(content) : content && redactParts(content);
        const safeCalls = calls?.map((call) => ({
          ...call,
          function: { ...call.function, arguments: report(redactJson(call.function.arguments, rules)) },
        }));
        return { ...message, content: redacted, ...(safeCalls === undefined ? {} : { tool_calls: safeCalls }) };
      }
    }
  });
}
