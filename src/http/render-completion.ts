import { z } from "zod";
import { choiceLogprob, finishReasons, thinkingBlock, toolCall } from "../core/chat.ts";
import type { TokenUsage } from "../core/money.ts";
import { parapetResponse } from "../core/parapet-extension.ts";
import type { Completion } from "../gateway/completion.ts";

export const wireUsage = z
  .object({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.object({ cached_tokens: z.int() }),
    completion_tokens_details: z.object({ reasoning_tokens: z.int() }),
  })
  .meta({ id: "CompletionUsage" });

/** OpenAI's `chat.completion` object, with what Parapet says of it under `parapet`. */
export const chatCompletion = z
  .object({
    id: z.string(),
    object: z.literal("chat.completion"),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal("assistant"),
          content: z.string().nullable(),
          refusal: z.string().nullable(),
          tool_calls: z.array(toolCall).optional(),
          reasoning_content: z.string().optional(),
          thinking_blocks: z.array(thinkingBlock).optional(),
        }),
        logprobs: z.object({ content: z.array(choiceLogprob), refusal: z.null() }).nullable(),
        finish_reason: z.enum(finishReasons),
      }),
    ),
    usage: wireUsage,
    parapet: parapetResponse,
  })
  .meta({ id: "ChatCompletion" });

export function renderCompletion({ id, createdMs, answer, parapet }: Completion): z.infer<typeof chatCompletion> {
  const { content, refusal, toolCalls, thinking } = answer;
  const thought = thinking.flatMap((block) => (block.type === "thinking" ? [block.thinking] : [])).join("\n\n");
  const message = {
    role: "assistant" as const,
    content,
    refusal,
    ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
    ...(thought === "" ? {} : { reasoning_content: thought }),
    ...(thinking.length === 0 ? {} : { thinking_blocks: thinking }),
  };
  const logprobs = answer.logprobs === null ? null : { content: answer.logprobs, refusal: null };
  return {
    id,
    object: "chat.completion",
    created: Math.floor(createdMs / 1000),
    model: answer.model,
    choices: [{ index: 0, message, logprobs, finish_reason: answer.finishReason }],
    usage: renderUsage(answer.usage),
    parapet,
  };
}

export function renderUsage(usage: TokenUsage): z.infer<typeof wireUsage> {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}
