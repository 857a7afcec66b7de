import type { ChatMessage, ChatRequest } from "../../core/chat.ts";
import type { ModelCard } from "../../core/model.ts";

/**
 * How far a server follows OpenAI. `openai`: its own service, where reasoning models refuse `max_tokens` and sampling
 * parameters. `compatible`: a server that copies the format, may know nothing newer, and need not forgive a stranger.
 */
export type Dialect = "openai" | "compatible";

/**
 * The body of a chat completion for this provider. What a caller may set and this leaves out, on purpose:
 * - `parapet`: ours, never the provider's.
 * - `user`, `safety_identifier`: who asks stays in Parapet, whose audit log answers that question.
 * - `metadata`, `store`: Parapet keeps content, under its own retention; OpenAI is told to keep none (it does by default).
 * - `service_tier`: other tiers have other prices than the one the request was admitted at.
 */
export function convertChatRequest(request: ChatRequest, card: ModelCard, dialect: Dialect): Record<string, unknown> {
  const isOpenAI = dialect === "openai";
  const maxTokens = request.max_completion_tokens ?? request.max_tokens ?? undefined;
  const effort = chooseEffort(request, card, isOpenAI);
  const isStream = request.stream === true;
  return withoutAbsent({
    model: card.name,
    messages: request.messages.map((message) => convertMessage(message, isOpenAI)),
    // Reasoning models refuse the old name, older servers know no other.
    [isOpenAI ? "max_completion_tokens" : "max_tokens"]: maxTokens,
    ...(isOpenAI && isReasoning(card, effort) ? {} : sampling(request)),
    stop: request.stop,
    seed: request.seed,
    tools: request.tools,
    tool_choice: request.tools && request.tool_choice,
    parallel_tool_calls: request.tools && request.parallel_tool_calls,
    response_format: request.response_format,
    reasoning_effort: effort,
    ...(isOpenAI
      ? {
          verbosity: request.verbosity,
          prompt_cache_key: request.prompt_cache_key,
          store: false,
          service_tier: "default",
        }
      : {}),
    ...(isStream ? { stream: true, stream_options: { include_usage: true } } : {}),
  });
}

/** OpenAI's chat completions take function tools from reasoning models only at effort `none`. */
function chooseEffort(request: ChatRequest, card: ModelCard, isOpenAI: boolean): ChatRequest["reasoning_effort"] {
  if (!card.capabilities.includes("reasoning")) return undefined;
  return request.reasoning_effort ?? (isOpenAI && request.tools ? "none" : undefined);
}

function isReasoning(card: ModelCard, effort: ChatRequest["reasoning_effort"]): boolean {
  return card.capabilities.includes("reasoning") && effort !== "none";
}

/** OpenAI's models answer these with a 400 while they reason; a caller of `auto` cannot know which model will answer. */
function sampling(request: ChatRequest): Record<string, unknown> {
  return {
    temperature: request.temperature,
    top_p: request.top_p,
    frequency_penalty: request.frequency_penalty,
    presence_penalty: request.presence_penalty,
  };
}

function convertMessage(message: ChatMessage, isOpenAI: boolean): Record<string, unknown> {
  if (isOpenAI) return withoutAbsent({ ...message });
  if (message.role === "developer") return { ...message, role: "system" };
  if (message.role !== "assistant") return { ...message };
  // A refusal is a field only OpenAI knows; as text the model still sees that it refused.
  const { refusal, ...rest } = message;
  return { ...rest, content: message.content ?? refusal ?? (message.tool_calls ? null : "") };
}

/** Absent and `null` mean the same to OpenAI; not every server takes a `null`. */
function withoutAbsent(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).filter(([key, value]) => value !== undefined && (value !== null || key === "content")),
  );
}
