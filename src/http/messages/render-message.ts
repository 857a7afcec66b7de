import { z } from "zod";
import { newId } from "../../core/ids.ts";
import { thinkingBlock } from "../../core/chat.ts";
import type { TokenUsage } from "../../core/money.ts";
import { parapetResponse } from "../../core/parapet-extension.ts";
import type { Answer, Completion } from "../../gateway/completion.ts";

const count = z.int();

const messageUsage = z
  .object({
    input_tokens: count.describe("Without what was read from a cache or written to it."),
    cache_creation_input_tokens: count,
    cache_read_input_tokens: count,
    cache_creation: z.object({ ephemeral_5m_input_tokens: count, ephemeral_1h_input_tokens: count }),
    output_tokens: count,
    output_tokens_details: z.object({ thinking_tokens: count }),
    server_tool_use: z.null(),
    service_tier: z.literal("standard"),
    inference_geo: z.null(),
    speed: z.null(),
  })
  .meta({ id: "MessageUsage" });
type MessageUsage = z.infer<typeof messageUsage>;

const stopReasons = ["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"] as const;

const stop = {
  stop_reason: z.enum(stopReasons),
  stop_sequence: z.string().nullable(),
  stop_details: z
    .object({ type: z.literal("refusal"), category: z.null(), explanation: z.string().nullable() })
    .nullable(),
};

/** Anthropic's `message`, with what Parapet says of it under `parapet`. */
export const messageObject = z
  .object({
    id: z.string(),
    type: z.literal("message"),
    role: z.literal("assistant"),
    model: z.string(),
    content: z.array(
      z.union([
        z.object({ type: z.literal("text"), text: z.string(), citations: z.null() }),
        thinkingBlock,
        z.object({
          type: z.literal("tool_use"),
          id: z.string(),
          name: z.string(),
          input: z.unknown(),
          caller: z.object({ type: z.literal("direct") }),
        }),
      ]),
    ),
    ...stop,
    container: z.null(),
    diagnostics: z.null(),
    usage: messageUsage,
    parapet: parapetResponse,
  })
  .meta({ id: "Message" });
export type MessageObject = z.infer<typeof messageObject>;
type Block = MessageObject["content"][number];

export function renderMessage({ id, answer, parapet }: Completion): MessageObject {
  return {
    ...openMessage(id, answer.model),
    content: [
      ...answer.thinking.map((block): Block =>
        block.type === "thinking" ? { ...block, signature: block.signature ?? "" } : block,
      ),
      ...[answer.content, answer.refusal].flatMap((text): Block[] =>
        text === null || text === "" ? [] : [{ type: "text", text, citations: null }],
      ),
      ...answer.toolCalls.map(({ id: callId, function: call }): Block =>
        toolUse(callId, call.name, parse(call.arguments)),
      ),
    ],
    ...stopOf(answer),
    usage: renderMessageUsage(answer.usage),
    parapet,
  };
}

/** What a message is before anything is said. */
export function openMessage(completionId: string, model: string) {
  return {
    // The same id under Anthropic's prefix, so that it is found again.
    id: completionId.startsWith("chatcmpl_") ? completionId.replace("chatcmpl_", "msg_") : newId("message"),
    type: "message" as const,
    role: "assistant" as const,
    model,
    container: null,
    diagnostics: null,
  };
}

export function toolUse(id: string, name: string, input: unknown) {
  return { type: "tool_use" as const, id, name, input, caller: { type: "direct" as const } };
}

const reasonOf = { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use", content_filter: "refusal" } as const;

/** Why an answer ended, in Anthropic's words. */
export function stopOf({ finishReason, stopSequence, refusal }: Answer): Pick<MessageObject, keyof typeof stop> {
  const isRefusal = refusal !== null || finishReason === "content_filter";
  return {
    stop_reason: isRefusal ? "refusal" : stopSequence !== null ? "stop_sequence" : reasonOf[finishReason],
    stop_sequence: isRefusal ? null : stopSequence,
    stop_details: isRefusal ? { type: "refusal", category: null, explanation: refusal } : null,
  };
}

/** Anthropic counts what was read from a cache and written to one beside the other input, not within it. */
export function renderMessageUsage(usage: TokenUsage): MessageUsage {
  const cached = usage.cachedInputTokens;
  const written = usage.cacheWriteInputTokens ?? 0;
  const writtenLong = usage.longCacheWriteInputTokens ?? 0;
  return {
    input_tokens: Math.max(0, usage.inputTokens - cached - written),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cached,
    cache_creation: {
      ephemeral_5m_input_tokens: Math.max(0, written - writtenLong),
      ephemeral_1h_input_tokens: writtenLong,
    },
    output_tokens: usage.outputTokens,
    output_tokens_details: { thinking_tokens: usage.reasoningTokens },
    server_tool_use: null,
    service_tier: "standard",
    inference_geo: null,
    speed: null,
  };
}

/** Arguments were checked to be JSON, except where the answer was cut short within them. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}
