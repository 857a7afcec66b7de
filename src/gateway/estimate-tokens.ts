import { estimateTokenCount } from "tokenx";
import type { ChatRequest } from "../core/chat.ts";
import { boundTokens } from "./bound-tokens.ts";

/** tokenx is within about 5 % on prose. */
const safetyFactor = 1.15;
/** Role and separators of one message in the chat formats of the major vendors. */
const tokensPerMessage = 8;
/** What a large image costs at most with OpenAI's high detail (2,048 px, 512 px tiles). */
const tokensPerImage = 2_000;

/** A request's prompt in tokens: what to expect, and what it cannot exceed. */
export interface PromptSize {
  expected: number;
  /** What is reserved: see `boundTokens`. */
  bound: number;
}

/** About how many tokens a text is; never zero for a text that is not empty. */
export function estimateTokens(text: string): number {
  return estimateTokenCount(text);
}

/** Measures everything that is sent: every text of every message, tools, schema and stop sequences, and images. */
export function measurePrompt(request: ChatRequest): PromptSize {
  const { messages, tools, response_format: format, stop } = request;
  const texts: string[] = [];
  let overhead = messages.length * tokensPerMessage;
  for (const message of messages) {
    const { content, ...rest } = message;
    texts.push(...stringsOf(rest));
    if (!Array.isArray(content)) {
      texts.push(content ?? "");
      continue;
    }
    for (const part of content) {
      if (part.type === "text") texts.push(part.text);
      else overhead += tokensPerImage;
    }
  }
  // Names and signs of JSON are sent too.
  for (const value of [tools, format, stop])
    if (value !== undefined && value !== null) texts.push(JSON.stringify(value));
  return {
    expected: Math.ceil(texts.reduce((total, text) => total + estimateTokens(text), 0) * safetyFactor) + overhead,
    bound: texts.reduce((total, text) => total + boundTokens(text), overhead),
  };
}

function stringsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(stringsOf);
  if (value !== null && typeof value === "object") return Object.values(value).flatMap(stringsOf);
  return [];
}
