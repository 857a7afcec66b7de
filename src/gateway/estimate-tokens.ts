import { estimateTokenCount } from "tokenx";
import type { ChatRequest } from "../core/chat.ts";
import { boundTokens } from "./bound-tokens.ts";
import { boundMedia, type MediaPart } from "./media-tokens.ts";

/** tokenx is within about 5 % on prose. */
const safetyFactor = 1.15;
/** Role and separators of one message in the chat formats of the major vendors. */
const tokensPerMessage = 8;
/** About what an image, a minute of speech or a page costs; its bound may be far above. */
const usualMediaTokens = 2_000;

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

/** Measures everything that is sent: every text of every message, tools, schema and stop sequences, images, audio and files. */
export function measurePrompt(request: ChatRequest): PromptSize {
  const { messages, tools, response_format: format, stop } = request;
  const texts: string[] = [];
  const media: number[] = [];
  for (const message of messages) {
    const { content, ...rest } = message;
    texts.push(...stringsOf(rest));
    if (!Array.isArray(content)) {
      texts.push(content ?? "");
      continue;
    }
    for (const part of content) {
      if (part.type === "text") texts.push(part.text);
      else if (part.type === "refusal") texts.push(part.refusal);
      else media.push(boundMedia(part satisfies MediaPart));
    }
  }
  // Names and signs of JSON are sent too.
  for (const value of [tools, format, stop])
    if (value !== undefined && value !== null) texts.push(JSON.stringify(value));
  const overhead = messages.length * tokensPerMessage;
  return {
    expected:
      Math.ceil(texts.reduce((total, text) => total + estimateTokens(text), 0) * safetyFactor) +
      media.reduce((total, bound) => total + Math.min(bound, usualMediaTokens), overhead),
    bound: texts.reduce((total, text) => total + boundTokens(text), overhead) + media.reduce((a, b) => a + b, 0),
  };
}

function stringsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(stringsOf);
  if (value !== null && typeof value === "object") return Object.values(value).flatMap(stringsOf);
  return [];
}
