import { z } from "zod";
import type { TokenUsage } from "../../core/money.ts";

/** OpenAI's responses, as far as the gateway carries them. Items and parts it never asked for are passed over. */

/** No call has a thousandth of the most: what is above is no count, and would break the sums of the ledger. */
const count = z.int().min(0).max(1_000_000_000);

const usage = z
  .object({
    input_tokens: count,
    input_tokens_details: z.object({ cached_tokens: count.nullish(), cache_write_tokens: count.nullish() }).nullish(),
    output_tokens: count,
    output_tokens_details: z.object({ reasoning_tokens: count.nullish() }).nullish(),
  })
  .nullish()
  .catch(null);
export type WireUsage = NonNullable<z.infer<typeof usage>>;

/** Events give fewer fields of a token than whole answers. */
const token = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z
    .array(z.int())
    .nullish()
    .transform((bytes) => bytes ?? null),
});
const tokens = z
  .array(
    token.extend({
      top_logprobs: z
        .array(token)
        .nullish()
        .transform((likeliest) => likeliest ?? []),
    }),
  )
  .nullish()
  .catch(null);

export const outputContent = z.union([
  z.object({ type: z.literal("output_text"), text: z.string(), logprobs: tokens }),
  z.object({ type: z.literal("refusal"), refusal: z.string() }),
  z.looseObject({ type: z.string() }).transform(() => ({ type: "other" as const })),
]);
const message = z.object({ type: z.literal("message"), content: z.array(outputContent) });
const functionCall = z.object({
  type: z.literal("function_call"),
  call_id: z.string().min(1),
  name: z.string().min(1),
  arguments: z.string().default(""),
});
const reasoning = z.object({
  type: z.literal("reasoning"),
  summary: z.array(z.object({ text: z.string() })).default([]),
  encrypted_content: z.string().nullish(),
});
export type WireReasoning = z.infer<typeof reasoning>;

/** A type that is known must have its form; one that is not is passed over. */
const known = z.discriminatedUnion("type", [message, functionCall, reasoning]);
const other = z
  .looseObject({ type: z.string().refine((type) => !["message", "function_call", "reasoning"].includes(type)) })
  .transform(() => ({ type: "other" as const }));
export const outputItem = z.union([known, other]);

const wireError = z.object({ code: z.string().nullish(), message: z.string().nullish() });

export const responseBody = z.object({
  id: z.string(),
  model: z.string().nullish(),
  status: z.string(),
  error: wireError.nullish(),
  incomplete_details: z.object({ reason: z.string().nullish() }).nullish(),
  output: z.array(outputItem).default([]),
  usage,
});
export type WireResponse = z.infer<typeof responseBody>;

/** The provider's count as ours. */
export function toTokenUsage(wire: WireUsage): TokenUsage {
  const written = wire.input_tokens_details?.cache_write_tokens ?? 0;
  return {
    inputTokens: wire.input_tokens,
    cachedInputTokens: wire.input_tokens_details?.cached_tokens ?? 0,
    ...(written > 0 ? { cacheWriteInputTokens: written } : {}),
    outputTokens: wire.output_tokens,
    reasoningTokens: wire.output_tokens_details?.reasoning_tokens ?? 0,
    estimated: false,
  };
}
