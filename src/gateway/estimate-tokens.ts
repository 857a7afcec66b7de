import { estimateTokenCount } from "tokenx";
import { textOf, type ChatRequest } from "../core/chat.ts";

/** tokenx is within about 5 % on prose; a bound must not be below what the provider counts. */
const safetyFactor = 1.15;
/** Role and separators of one message in the chat formats of the major vendors. */
const tokensPerMessage = 8;
/** What a large image costs at most with OpenAI's high detail (2,048 px, 512 px tiles). */
const tokensPerImage = 2_000;

/** About how many tokens a text is; never zero for a text that is not empty. */
export function estimateTokens(text: string): number {
  return estimateTokenCount(text);
}

/** An upper estimate of a request's prompt tokens: messages, images, tools and schema. */
export function estimatePromptTokens(request: ChatRequest): number {
  let tokens = 0;
  let overhead = 0;
  for (const message of request.messages) {
    overhead += tokensPerMessage;
    tokens += estimateTokens(textOf(message));
    if (message.role === "assistant") {
      for (const call of message.tool_calls ?? [])
        tokens += estimateTokens(call.function.name + call.function.arguments);
    }
    if (message.role === "user" && Array.isArray(message.content)) {
      overhead += tokensPerImage * message.content.filter((part) => part.type === "image_url").length;
    }
  }
  if (request.tools !== undefined) tokens += estimateTokens(JSON.stringify(request.tools));
  if (request.response_format?.type === "json_schema")
    tokens += estimateTokens(JSON.stringify(request.response_format));
  return Math.ceil(tokens * safetyFactor) + overhead;
}
