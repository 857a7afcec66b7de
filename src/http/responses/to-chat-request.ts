import type { ChatMessage, ChatRequest } from "../../core/chat.ts";
import { AppError } from "../../core/errors.ts";
import { convertItems } from "./convert-items.ts";
import type { ConversationItem } from "./input-items.ts";
import { functionTools, type ResponsesRequest } from "./request.ts";

/** As many messages as a chat completion takes. */
const maxMessages = 2048;

/** The request as the gateway knows it: the earlier turns, then this one's items, under this request's instructions alone. */
export function toChatRequest(
  request: ResponsesRequest,
  { earlier, items }: { earlier: readonly ConversationItem[]; items: readonly ConversationItem[] },
): ChatRequest {
  const { instructions } = request;
  const messages: ChatMessage[] = [
    ...(instructions ? [{ role: "developer" as const, content: instructions }] : []),
    ...convertItems([...earlier, ...items]),
  ];
  if (messages.length === 0) throw invalid("input", "says nothing that a model could answer");
  if (messages.length > maxMessages) throw invalid("input", `a conversation has at most ${maxMessages} messages`);
  const tools = functionTools(request).map(({ name, description, parameters, strict }) => ({
    type: "function" as const,
    function: {
      name,
      ...(description ? { description } : {}),
      ...(parameters ? { parameters } : {}),
      ...(strict === null || strict === undefined ? {} : { strict }),
    },
  }));
  const asksLogprobs = wantsLogprobs(request);

  return {
    model: request.model,
    messages,
    ...(request.stream === true ? { stream: true } : {}),
    max_completion_tokens: request.max_output_tokens,
    temperature: request.temperature,
    top_p: request.top_p,
    ...(asksLogprobs ? { logprobs: true, top_logprobs: request.top_logprobs ?? 0 } : {}),
    ...(tools.length === 0 ? {} : { tools }),
    ...toolChoice(request, tools.length > 0),
    ...(tools.length > 0 && typeof request.parallel_tool_calls === "boolean"
      ? { parallel_tool_calls: request.parallel_tool_calls }
      : {}),
    ...responseFormat(request),
    verbosity: request.text?.verbosity,
    // `max` is the highest effort of some models; the highest that all providers can be asked for stands in.
    reasoning_effort: request.reasoning?.effort === "max" ? "xhigh" : request.reasoning?.effort,
    ...(summaryOf(request) === null || request.reasoning?.effort === "none"
      ? {}
      : { thinking: { type: "adaptive", display: "summarized" } }),
    service_tier: request.service_tier,
    metadata: request.metadata,
    prompt_cache_key: request.prompt_cache_key,
    prompt_cache_retention: request.prompt_cache_retention,
    prompt_cache_options: request.prompt_cache_options,
    safety_identifier: request.safety_identifier,
    user: request.user,
    ...(request.parapet === undefined ? {} : { parapet: request.parapet }),
  };
}

/** Whether the answer's tokens are to come with their probabilities. */
function wantsLogprobs({ include, top_logprobs: top }: ResponsesRequest): boolean {
  return (include ?? []).includes("message.output_text.logprobs") || (top ?? 0) > 0;
}

/** How the reasoning is to be summed up; `generate_summary` is OpenAI's retired name for it. */
export function summaryOf({ reasoning }: ResponsesRequest): "auto" | "concise" | "detailed" | null {
  return reasoning?.summary ?? reasoning?.generate_summary ?? null;
}

function toolChoice({ tool_choice: choice }: ResponsesRequest, hasTools: boolean): Pick<ChatRequest, "tool_choice"> {
  if (choice === null || choice === undefined) return {};
  if (!hasTools) {
    if (choice === "auto" || choice === "none") return {};
    throw invalid("tool_choice", "there are no tools to choose from");
  }
  if (typeof choice === "string") return { tool_choice: choice };
  if (choice.type === "function") return { tool_choice: { type: "function", function: { name: choice.name } } };
  const tools = choice.tools.map(({ name }) => ({ type: "function" as const, function: { name } }));
  return { tool_choice: { type: "allowed_tools", allowed_tools: { mode: choice.mode, tools } } };
}

function responseFormat({ text }: ResponsesRequest): Pick<ChatRequest, "response_format"> {
  const format = text?.format;
  if (format === null || format === undefined || format.type === "text") return {};
  if (format.type === "json_object") return { response_format: { type: "json_object" } };
  const { name, description, schema, strict } = format;
  return {
    response_format: {
      type: "json_schema",
      json_schema: {
        name,
        schema,
        ...(description ? { description } : {}),
        ...(strict === null || strict === undefined ? {} : { strict }),
      },
    },
  };
}

function invalid(param: string, why: string): AppError {
  return new AppError("invalid_request", `${param}: ${why}`, { param });
}
