import type { ThinkingBlock } from "./chat.ts";

/** Providers whose opaque reasoning is told apart by a mark. Anthropic's own `redacted_thinking` carries none. */
const openaiMark = "openai:";
const googleMark = "google:";

/** OpenAI's encrypted reasoning as a block: only OpenAI can read it, so no other provider may be sent it. */
export function sealOpenaiReasoning(encrypted: string): ThinkingBlock {
  return { type: "redacted_thinking", data: openaiMark + encrypted };
}

/** What OpenAI once encrypted, or `null` for thinking that is not OpenAI's. */
export function openaiReasoningIn(block: ThinkingBlock): string | null {
  if (block.type !== "redacted_thinking" || !block.data.startsWith(openaiMark)) return null;
  return block.data.slice(openaiMark.length);
}

/** Gemini's signature of its answer's text as a block: only Gemini can read it. */
export function sealGoogleSignature(signature: string): ThinkingBlock {
  return { type: "redacted_thinking", data: googleMark + signature };
}

/** The signature that Gemini once gave, or `null` for thinking that is not Gemini's. */
export function googleSignatureIn(block: ThinkingBlock): string | null {
  if (block.type !== "redacted_thinking" || !block.data.startsWith(googleMark)) return null;
  return block.data.slice(googleMark.length);
}
