import type { ChatMessage, ChatRequest } from "../../core/chat.ts";
import type { ModelCard } from "../../core/model.ts";
import { effortOf } from "../../core/reasoning-effort.ts";

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
 * - `thinking`: becomes an effort, which is what these servers know. `thinking_blocks`: signed for somebody else.
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
    // Not every server knows how to look only at the likeliest; OpenAI refuses the field.
    top_k: isOpenAI ? undefined : request.top_k,
    stop: request.stop,
    seed: request.seed,
    logprobs: request.logprobs,
    top_logprobs: request.logprobs === true ? request.top_logprobs : undefined,
    // Token numbers mean something to one model only: the one the caller named.
    logit_bias: request.logit_bias,
    tools: request.tools?.map(({ type, function: definition }) => ({ type, function: definition })),
    tool_choice: request.tools && request.tool_choice,
    parallel_tool_calls: request.tools && request.parallel_tool_calls,
    response_format: request.response_format,
    reasoning_effort: effort,
    ...(isOpenAI
      ? {
          verbosity: request.verbosity,
          prompt_cache_key: request.prompt_cache_key,
          prompt_cache_retention: request.prompt_cache_retention,
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
  return effortOf(request) ?? (isOpenAI && request.tools ? "none" : undefined);
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

/** Cache marks and thinking are Anthropic's, and a stranger's fields are an error to OpenAI. */
function convertMessage(message: ChatMessage, isOpenAI: boolean): Record<string, unknown> {
  const content = Array.isArray(message.content)
    ? message.content.map((part) => ("cache_control" in part ? { ...part, cache_control: undefined } : part))
    : message.content;
  if (message.role === "tool") return { role: "tool", tool_call_id: message.tool_call_id, content };
  if (message.role === "user") return withoutAbsent({ role: "user", name: message.name, content });
  if (message.role !== "assistant") {
    const role = message.role === "developer" && !isOpenAI ? "system" : message.role;
    return withoutAbsent({ role, name: message.name, content });
  }
  const { name, refusal, tool_calls: calls } = message;
  const toolCalls = calls?.map(({ id, type, function: called }) => ({ id, type, function: called }));
  if (isOpenAI) return withoutAbsent({ role: "assistant", name, content, refusal, tool_calls: toolCalls });
  // A refusal is a field only OpenAI knows; as text the model still sees that it refused.
  const said = content ?? refusal ?? (calls ? null : "");
  return withoutAbsent({ role: "assistant", name, content: said, tool_calls: toolCalls });
}

/** Absent and `null` mean the same to OpenAI; not every server takes a `null`. */
function withoutAbsent(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).filter(([key, value]) => value !== undefined && (value !== null || key === "content")),
  );
}
