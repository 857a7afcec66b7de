import type { ChatRequest } from "../../core/chat.ts";

export type Endpoint = "responses" | "chat_completions";

/** OpenAI's Responses API takes no smaller bound (developers.openai.com/api/reference/resources/responses). */
const minResponseTokens = 16;

/**
 * Which of OpenAI's two interfaces carries every field of a request. Responses does by default: it alone gives tools to models that
 * reason, and takes their encrypted reasoning back. Chat completions serve what Responses has no field for: `stop`, `seed`,
 * `logit_bias`, the two penalties, audio, names of participants, and answers shorter than 16 tokens. What a model cannot do at
 * the chosen one (tools while it reasons, at chat completions), OpenAI refuses with a message that says so.
 */
export function chooseEndpoint(request: ChatRequest): Endpoint {
  const maxTokens = request.max_completion_tokens ?? request.max_tokens;
  const asksMore =
    isSet(request.stop) ||
    isSet(request.seed) ||
    Object.keys(request.logit_bias ?? {}).length > 0 ||
    (request.frequency_penalty ?? 0) !== 0 ||
    (request.presence_penalty ?? 0) !== 0 ||
    (isSet(maxTokens) && maxTokens < minResponseTokens) ||
    request.messages.some(
      (message) =>
        ("name" in message && message.name !== undefined) ||
        (Array.isArray(message.content) && message.content.some((part) => part.type === "input_audio")),
    );
  return asksMore ? "chat_completions" : "responses";
}

function isSet<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}
