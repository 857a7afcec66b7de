import type { ChatMessage, ChatRequest, ToolDefinition } from "../../core/chat.ts";
import { AppError } from "../../core/errors.ts";
import type { ModelCard } from "../../core/model.ts";
import { convertMessage, convertSystem, marked } from "./convert-messages.ts";
import type { CountTokensRequest, MessagesRequest, ToolParam } from "./request.ts";

type FindModel = (id: string) => ModelCard | null;

/**
 * A Messages request as the one the gateway knows. `find` tells which models are configured. Throws `not_found` for a thread that
 * is continued.
 */
export function toChatRequest(request: MessagesRequest, find: FindModel): ChatRequest {
  if (request.thread?.type === "continue") {
    throw new AppError("not_found", "No conversation is kept under this id: send all of its messages.", {
      param: "thread.previous_message_id",
    });
  }
  const { stream, stop_sequences: stop, temperature, top_p: topP, top_k: topK, metadata, parapet } = request;
  return {
    ...promptOf(request, find),
    max_completion_tokens: request.max_tokens,
    ...(stream === true ? { stream: true } : {}),
    ...(stop && stop.length > 0 ? { stop } : {}),
    ...(temperature === null || temperature === undefined ? {} : { temperature }),
    ...(topP === null || topP === undefined ? {} : { top_p: topP }),
    ...(topK === null || topK === undefined ? {} : { top_k: topK }),
    ...(metadata?.user_id ? { user: metadata.user_id } : {}),
    ...(parapet === undefined ? {} : { parapet }),
  };
}

/** What of a request the prompt is made of. */
export function promptOf(request: CountTokensRequest | MessagesRequest, find: FindModel): ChatRequest {
  const { system, tools, tool_choice: choice, thinking, output_config: output } = request;
  const messages = [...convertSystem(system ?? []), ...request.messages.flatMap(convertMessage)];
  const format = output?.format;
  return {
    model: modelNameOf(request.model, find),
    messages: markLast(messages, request.cache_control),
    ...(tools && tools.length > 0 ? { tools: tools.map(convertTool), ...toolChoiceOf(choice) } : {}),
    ...(thinking ? { thinking: convertThinking(thinking) } : {}),
    // OpenAI's ladder of efforts ends where Anthropic's has one rung more.
    ...(output?.effort ? { reasoning_effort: output.effort === "max" ? "xhigh" : output.effort } : {}),
    ...(format
      ? {
          response_format: {
            type: "json_schema",
            json_schema: { name: "answer", schema: format.schema, strict: true },
          },
        }
      : {}),
  };
}

/** `auto`, a tier and `provider/model` are ours; a bare `claude-…` is Anthropic's own, with or without its date. */
function modelNameOf(name: string, find: FindModel): string {
  if (!name.startsWith("claude-")) return name;
  const undated = name.replace(/-(?:\d{8}|latest)$/, "");
  const id = [name, undated].map((bare) => `anthropic/${bare}`).find((candidate) => find(candidate) !== null);
  return id ?? name;
}

function convertTool({
  name,
  description,
  input_schema: parameters,
  strict,
  cache_control: mark,
}: ToolParam): ToolDefinition {
  return {
    type: "function",
    function: {
      name,
      parameters,
      ...(description === undefined ? {} : { description }),
      ...(strict === true ? { strict } : {}),
    },
    ...marked(mark),
  };
}

function toolChoiceOf(
  choice: MessagesRequest["tool_choice"],
): Pick<ChatRequest, "tool_choice" | "parallel_tool_calls"> {
  if (!choice) return {};
  if (choice.type === "none") return { tool_choice: "none" };
  const single = choice.disable_parallel_tool_use === true ? { parallel_tool_calls: false } : {};
  switch (choice.type) {
    case "auto":
      return { tool_choice: "auto", ...single };
    case "any":
      return { tool_choice: "required", ...single };
    case "tool":
      return { tool_choice: { type: "function", function: { name: choice.name } }, ...single };
  }
}

function convertThinking(thinking: NonNullable<MessagesRequest["thinking"]>): NonNullable<ChatRequest["thinking"]> {
  // The model that knows this word is told so again by its adapter; to every other it is no thinking.
  if (thinking.type === "between_tools" || thinking.type === "disabled") return { type: "disabled" };
  const { display, ...rest } = thinking;
  return display ? { ...rest, display } : rest;
}

/** The request's own mark stands for one at the end of what there is to cache: the last block of the last message. */
function markLast(messages: ChatMessage[], mark: MessagesRequest["cache_control"]): ChatMessage[] {
  const last = messages.at(-1);
  if (!mark || last === undefined || last.role === "assistant") return messages;
  return [...messages.slice(0, -1), withMark(last, mark)];
}

function withMark(
  message: Exclude<ChatMessage, { role: "assistant" }>,
  mark: NonNullable<MessagesRequest["cache_control"]>,
): ChatMessage {
  if (message.role === "tool") return { ...message, cache_control: mark };
  const text = { type: "text" as const, cache_control: mark };
  if (message.role === "user") {
    if (typeof message.content === "string") return { ...message, content: [{ ...text, text: message.content }] };
    const end = message.content.at(-1);
    if (end === undefined || end.type === "input_audio") return message;
    return { ...message, content: [...message.content.slice(0, -1), { ...end, cache_control: mark }] };
  }
  if (typeof message.content === "string") return { ...message, content: [{ ...text, text: message.content }] };
  const end = message.content.at(-1);
  return end === undefined
    ? message
    : { ...message, content: [...message.content.slice(0, -1), { ...text, text: end.text }] };
}
