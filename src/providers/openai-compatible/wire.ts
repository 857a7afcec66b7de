import { z } from "zod";
import { choiceLogprob } from "../../core/chat.ts";
import type { TokenUsage } from "../../core/money.ts";

/** OpenAI's answers, as far as the gateway carries them. Servers that copy the format leave things out: so may these. */

/** No call has a thousandth of the most: what is above is no count, and would break the sums of the ledger. */
const count = z.int().min(0).max(1_000_000_000);

const wireUsage = z.object({
  prompt_tokens: count,
  completion_tokens: count.default(0),
  total_tokens: count.optional(),
  prompt_tokens_details: z
    .object({ cached_tokens: count.nullish(), cache_write_tokens: count.nullish(), audio_tokens: count.nullish() })
    .nullish(),
  /** DeepSeek's word for the cached ones. */
  prompt_cache_hit_tokens: count.nullish(),
  completion_tokens_details: z.object({ reasoning_tokens: count.nullish() }).nullish(),
});
export type WireUsage = z.infer<typeof wireUsage>;

/** As DeepSeek and vLLM call what a model thinks, and as OpenRouter does. */
const thought = { reasoning_content: z.string().nullish(), reasoning: z.string().nullish().catch(null) };

/** Logprobs nobody can read are left out: the answer is what was asked for. */
const logprobs = z
  .object({ content: z.array(choiceLogprob).nullish() })
  .nullish()
  .catch(null);

/** A usage nobody can read is as good as none: the gateway counts for itself then. */
const usage = wireUsage.extend({ completion_tokens: count }).nullish().catch(null);

const completeToolCall = z.object({
  id: z.string().nullish(),
  function: z.object({ name: z.string().min(1), arguments: z.string().nullish() }),
});

export const chatCompletion = z.object({
  id: z.string().nullish(),
  model: z.string().nullish(),
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        logprobs,
        message: z.object({
          ...thought,
          content: z.string().nullish(),
          refusal: z.string().nullish(),
          tool_calls: z.array(completeToolCall).nullish(),
        }),
      }),
    )
    .min(1),
  usage,
});
export type WireCompletion = z.infer<typeof chatCompletion>;

export const chatChunk = z.object({
  id: z.string().nullish(),
  model: z.string().nullish(),
  choices: z
    .array(
      z.object({
        index: z.int().nullish(),
        finish_reason: z.string().nullish(),
        logprobs,
        delta: z
          .object({
            ...thought,
            content: z.string().nullish(),
            refusal: z.string().nullish(),
            tool_calls: z
              .array(
                z.object({
                  index: z.int().min(0).nullish(),
                  id: z.string().nullish(),
                  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
                }),
              )
              .nullish(),
          })
          .nullish(),
      }),
    )
    .nullish(),
  usage,
});
export type WireChunk = z.infer<typeof chatChunk>;

export const embeddingList = z.object({
  model: z.string().nullish(),
  data: z.array(z.object({ index: z.int().min(0), embedding: z.array(z.number()) })),
  usage: wireUsage.nullish().catch(null),
});

/** OpenAI's error object, and the bare variants that other servers send. */
export const wireError = z.object({
  message: z.string().nullish().catch(null),
  type: z.string().nullish().catch(null),
  code: z.union([z.string(), z.number()]).nullish().catch(null),
  param: z.string().nullish().catch(null),
});
export type WireError = z.infer<typeof wireError>;

/** The error in a body or chunk that holds one in place of an answer, or `null`. */
export function findError(body: unknown): WireError | null {
  if (body === null || typeof body !== "object" || !("error" in body) || !body.error) return null;
  if (typeof body.error === "string") return { message: body.error };
  const parsed = wireError.safeParse(body.error);
  return parsed.success ? parsed.data : {};
}

/** The provider's count as ours. */
export function toTokenUsage(wire: WireUsage): TokenUsage {
  const reasoning = wire.completion_tokens_details?.reasoning_tokens ?? 0;
  const written = wire.prompt_tokens_details?.cache_write_tokens ?? 0;
  const audio = wire.prompt_tokens_details?.audio_tokens ?? 0;
  // OpenAI counts reasoning tokens among the completion's; some servers beside them, as their total shows.
  const isBeside = reasoning > 0 && wire.total_tokens === wire.prompt_tokens + wire.completion_tokens + reasoning;
  return {
    inputTokens: wire.prompt_tokens,
    cachedInputTokens: wire.prompt_tokens_details?.cached_tokens ?? wire.prompt_cache_hit_tokens ?? 0,
    ...(written > 0 ? { cacheWriteInputTokens: written } : {}),
    ...(audio > 0 ? { audioInputTokens: audio } : {}),
    outputTokens: wire.completion_tokens + (isBeside ? reasoning : 0),
    reasoningTokens: reasoning,
    estimated: false,
  };
}
