import type { ChatRequest } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import type { ModelCapability, ModelCard } from "../core/model.ts";
import type { PromptSize } from "./estimate-tokens.ts";

/** Why a model cannot serve a request at all, or `null`. */
export function obstacleOf(
  card: ModelCard,
  { request, prompt }: { request: ChatRequest; prompt: PromptSize },
): AppError | null {
  if (request.parapet?.sensitive === true && !card.staysAtEdge) {
    return new AppError("invalid_request", `${card.id} leaves the edge, and the request is marked sensitive.`, {
      param: "parapet.sensitive",
    });
  }
  const missing = neededCapabilities(request).find((capability) => !card.capabilities.includes(capability));
  if (missing !== undefined) {
    return new AppError("unsupported_parameter", `${card.id} does not support ${missing}.`, {
      param: paramOf[missing],
    });
  }
  if (card.price === null) {
    return new AppError(
      "price_unknown",
      `The price of ${card.id} is not known, so its cost cannot be bounded: set one in PARAPET_PRICES.`,
    );
  }
  if (prompt.expected >= card.contextWindow) {
    return new AppError(
      "context_length_exceeded",
      `The request has about ${prompt.expected} tokens; ${card.id} takes ${card.contextWindow}.`,
      {
        param: "messages",
      },
    );
  }
  return null;
}

const paramOf = {
  tools: "tools",
  json_schema: "response_format",
  images: "messages",
  reasoning: "reasoning_effort",
  audio: "messages",
  files: "messages",
  logprobs: "logprobs",
} satisfies Record<ModelCapability, string>;

function neededCapabilities(request: ChatRequest): ModelCapability[] {
  const needed: ModelCapability[] = [];
  if (request.tools !== undefined) needed.push("tools");
  if (request.response_format?.type === "json_schema") needed.push("json_schema");
  const kinds = new Set(
    request.messages.flatMap(({ content }) => (Array.isArray(content) ? content.map((part) => part.type) : [])),
  );
  if (kinds.has("image_url")) needed.push("images");
  if (kinds.has("input_audio")) needed.push("audio");
  if (kinds.has("file")) needed.push("files");
  if (request.logprobs === true) needed.push("logprobs");
  return needed;
}
