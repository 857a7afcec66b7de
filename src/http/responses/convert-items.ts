import type { ChatMessage, ThinkingBlock, ToolCall } from "../../core/chat.ts";
import { AppError } from "../../core/errors.ts";
import type { ContentPart, ConversationItem, FunctionCallOutputItem, MessageItem } from "./input-items.ts";
import { unpackReasoning } from "./reasoning-content.ts";

type AssistantMessage = Extract<ChatMessage, { role: "assistant" }>;
type UserPart = Exclude<Extract<ChatMessage, { role: "user" }>["content"], string>[number];
type TextPart = Extract<UserPart, { type: "text" }>;

/**
 * A conversation's items as chat messages. What a model said in one turn (reasoning, text, calls) is several items here and one
 * message there. Throws `invalid_request` for parts that stand where they cannot.
 */
export function convertItems(items: readonly ConversationItem[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  let turn: Turn | null = null;
  const endTurn = () => {
    if (turn !== null) messages.push(...closeTurn(turn));
    turn = null;
  };

  for (const item of items) {
    switch (item.type) {
      case "function_call_output":
        endTurn();
        messages.push(toolMessage(item));
        break;
      case "reasoning": {
        // Reasoning behind a text begins another turn, unless calls are still to be answered: nothing may come between.
        if (turn !== null && turn.content.length > 0 && turn.calls.length === 0) endTurn();
        turn ??= newTurn();
        turn.thinking.push(...unpackReasoning(item.encrypted_content));
        break;
      }
      case "function_call":
        turn ??= newTurn();
        turn.calls.push({
          id: item.call_id,
          type: "function",
          function: { name: item.name, arguments: item.arguments },
        });
        break;
      default:
        if (item.role !== "assistant") {
          endTurn();
          messages.push(item.role === "user" ? userMessage(item) : instruction(item.role, item));
          break;
        }
        if (turn !== null && turn.content.length > 0 && turn.calls.length === 0) endTurn();
        turn ??= newTurn();
        turn.content.push(...assistantParts(item));
    }
  }
  endTurn();
  return messages;
}

interface Turn {
  thinking: ThinkingBlock[];
  content: ({ type: "text"; text: string } | { type: "refusal"; refusal: string })[];
  calls: ToolCall[];
}

function newTurn(): Turn {
  return { thinking: [], content: [], calls: [] };
}

/** Reasoning that nothing followed was cut off: alone it is no message. */
function closeTurn({ thinking, content, calls }: Turn): AssistantMessage[] {
  if (content.length === 0 && calls.length === 0) return [];
  const [only] = content;
  return [
    {
      role: "assistant",
      content: content.length === 0 ? null : content.length === 1 && only?.type === "text" ? only.text : content,
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
      ...(thinking.length === 0 ? {} : { thinking_blocks: thinking }),
    },
  ];
}

function assistantParts({ content }: MessageItem): Turn["content"] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return content.map((part) => {
    if (part.type === "refusal") return { type: "refusal", refusal: part.refusal };
    if (part.type === "output_text" || part.type === "input_text") return { type: "text", text: part.text };
    throw misplaced(part, "an assistant's");
  });
}

function userMessage({ content }: MessageItem): ChatMessage {
  if (typeof content === "string") return { role: "user", content };
  return { role: "user", content: content.map((part) => userPart(part)) };
}

function instruction(role: "system" | "developer", { content }: MessageItem): ChatMessage {
  if (typeof content === "string") return { role, content };
  return { role, content: content.map((part) => textPart(part, `a ${role}'s`)) };
}

function toolMessage({ call_id: callId, output }: FunctionCallOutputItem): ChatMessage {
  const text =
    typeof output === "string" ? output : output.map((part) => ("text" in part ? String(part.text) : "")).join("\n");
  return { role: "tool", tool_call_id: callId, content: text };
}

function userPart(part: ContentPart): UserPart {
  switch (part.type) {
    case "input_image":
      return {
        type: "image_url",
        // Chat completions know nothing finer than `high`.
        image_url: {
          url: part.image_url,
          ...(part.detail ? { detail: part.detail === "original" ? "high" : part.detail } : {}),
        },
        ...cacheMark(part.prompt_cache_breakpoint),
      };
    case "input_file":
      return {
        type: "file",
        file: { file_data: part.file_data, ...(part.filename ? { filename: part.filename } : {}) },
        ...cacheMark(part.prompt_cache_breakpoint),
      };
    case "input_audio":
      return { type: "input_audio", input_audio: part.input_audio };
    default:
      return textPart(part, "a user's");
  }
}

function textPart(part: ContentPart, whose: string): TextPart {
  if (part.type === "input_text") {
    return { type: "text", text: part.text, ...cacheMark(part.prompt_cache_breakpoint) };
  }
  if (part.type === "output_text") return { type: "text", text: part.text };
  throw misplaced(part, whose);
}

/** OpenAI's marks for the cache as Anthropic's, whose lifetimes are the nearest there are. */
function cacheMark(mark: { ttl?: "30m" | "12h" | undefined } | null | undefined): Pick<TextPart, "cache_control"> {
  if (mark === null || mark === undefined) return {};
  return { cache_control: { type: "ephemeral", ...(mark.ttl === "12h" ? { ttl: "1h" as const } : {}) } };
}

function misplaced(part: ContentPart, whose: string): AppError {
  return new AppError("invalid_request", `input: ${part.type} cannot stand in ${whose} message`, { param: "input" });
}
