import { z } from "zod";
import { thinkingBlock, type ThinkingBlock } from "../../core/chat.ts";
import { fromBase64Url, toBase64Url } from "../../core/hash.ts";
import { sealOpenaiReasoning } from "../../core/sealed-reasoning.ts";

/** Before what we made; anything else in `encrypted_content` comes from OpenAI itself. */
const ours = "pt1.";

/**
 * The thinking of one reasoning item as its opaque `encrypted_content`: what must go back to the model unchanged, signatures and
 * all. It hides nothing that the caller may not see (what only a provider may read is encrypted by it), so it is merely encoded.
 */
export function packReasoning(blocks: readonly ThinkingBlock[]): string {
  return ours + toBase64Url(new TextEncoder().encode(JSON.stringify(blocks)));
}

/** The thinking in a reasoning item that a caller sent back; nothing where no model could use it. */
export function unpackReasoning(encrypted: string | null | undefined): ThinkingBlock[] {
  if (encrypted === null || encrypted === undefined || encrypted === "") return [];
  if (!encrypted.startsWith(ours)) return [sealOpenaiReasoning(encrypted)];
  const bytes = fromBase64Url(encrypted.slice(ours.length));
  if (bytes === null) return [];
  const parsed = z.array(thinkingBlock).safeParse(parseJson(new TextDecoder().decode(bytes)));
  return parsed.success ? parsed.data : [];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
