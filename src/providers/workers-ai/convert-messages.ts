import { textOf, type ChatMessage, type ChatRequest } from "../../core/chat.ts";
import type { ModelCard } from "../../core/model.ts";

/** Models of before OpenAI's format: they take text alone as content, and a JSON schema bare. */
const classicNames = /^@(hf\/|cf\/(meta|mistral|defog|deepseek-ai\/deepseek-r1)\/?)/;
/** Models whose thinking is a switch, on by default, instead of an effort. */
const switchedThinking = /^@cf\/zai-org\/glm-4\.7/;

/** The inputs of `AI.run` for a chat. Like every provider it never sees `parapet`, `user` or `metadata`. */
export function convertChatRequest(request: ChatRequest, card: ModelCard, isStream: boolean): Record<string, unknown> {
  const isClassic = classicNames.test(card.name);
  const maxTokens = request.max_completion_tokens ?? request.max_tokens;
  return withoutAbsent({
    messages: request.messages.map((message) => convertMessage(message, isClassic)),
    // Without it the classic models stop at 256.
    max_tokens: maxTokens,
    temperature: request.temperature,
    top_p: request.top_p,
    frequency_penalty: request.frequency_penalty,
    presence_penalty: request.presence_penalty,
    // Workers AI counts seeds from 1.
    seed: typeof request.seed === "number" && request.seed >= 1 ? request.seed : undefined,
    stop: request.stop,
    tools: request.tools,
    tool_choice: request.tools && request.tool_choice,
    response_format: convertFormat(request.response_format, isClassic),
    ...thinking(request, card),
    ...(isStream ? { stream: true } : {}),
    ...(isStream && !isClassic ? { stream_options: { include_usage: true } } : {}),
  });
}

function convertMessage(message: ChatMessage, isClassic: boolean): Record<string, unknown> {
  const role = message.role === "developer" ? "system" : message.role;
  const keepsParts = !isClassic && message.role === "user";
  const content = keepsParts ? message.content : textOf(message);
  if (message.role !== "assistant") return { ...message, role, content };
  return withoutAbsent({ role, content: content || (message.refusal ?? ""), tool_calls: message.tool_calls });
}

function convertFormat(format: ChatRequest["response_format"], isClassic: boolean): unknown {
  if (format === undefined || format.type === "text") return undefined;
  if (format.type === "json_object" || !isClassic) return format;
  return { type: "json_schema", json_schema: format.json_schema.schema ?? {} };
}

/** Thinking costs the fast tier its speed: it is off unless the caller asks for it. */
function thinking(request: ChatRequest, card: ModelCard): Record<string, unknown> {
  if (!card.capabilities.includes("reasoning")) return {};
  const effort = request.reasoning_effort ?? "none";
  if (switchedThinking.test(card.name)) return { chat_template_kwargs: { enable_thinking: effort !== "none" } };
  return effort === "none" ? {} : { reasoning_effort: effort };
}

function withoutAbsent(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined && value !== null));
}
