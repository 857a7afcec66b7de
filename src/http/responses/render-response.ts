import { z } from "zod";
import { parapetResponse, type ParapetResponse } from "../../core/parapet-extension.ts";
import type { FinishReason } from "../../core/chat.ts";
import type { TokenUsage } from "../../core/money.ts";
import { outputItem, presentItems, type OutputItem } from "./output-items.ts";
import { functionTools, type ResponsesRequest } from "./request.ts";
import { summaryOf } from "./to-chat-request.ts";

const responseUsage = z
  .object({
    input_tokens: z.int(),
    input_tokens_details: z.object({ cached_tokens: z.int(), cache_write_tokens: z.int() }),
    output_tokens: z.int(),
    output_tokens_details: z.object({ reasoning_tokens: z.int() }),
    total_tokens: z.int(),
  })
  .meta({ id: "ResponseUsage" });

/** OpenAI's `response` object, with what Parapet says of it under `parapet`. */
export const responseObject = z
  .looseObject({
    id: z.string(),
    object: z.literal("response"),
    created_at: z.int(),
    completed_at: z.int().nullable(),
    status: z.enum(["in_progress", "completed", "incomplete", "failed"]),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    incomplete_details: z.object({ reason: z.enum(["max_output_tokens", "content_filter"]) }).nullable(),
    model: z.string(),
    output: z.array(outputItem),
    previous_response_id: z.string().nullable(),
    store: z.boolean(),
    usage: responseUsage.nullable(),
    parapet: parapetResponse.nullable(),
  })
  .meta({ id: "Response" });
export type ResponseObject = z.infer<typeof responseObject>;

/** What is known of a response from its beginning. */
export interface ResponseHead {
  id: string;
  session: string;
  createdMs: number;
  model: string;
  /** Whether it will be kept. */
  store: boolean;
  request: ResponsesRequest;
}

/** What is known at its end. */
export interface ResponseEnd {
  finishReason: FinishReason;
  output: OutputItem[];
  usage: TokenUsage;
  parapet: ParapetResponse;
  completedMs: number;
}

/** A response that has begun: every field of the request that shaped it, with the defaults that held. */
export function openResponse({ id, createdMs, model, store, request }: ResponseHead): ResponseObject {
  return {
    id,
    object: "response",
    created_at: toSeconds(createdMs),
    completed_at: null,
    status: "in_progress",
    background: false,
    error: null,
    incomplete_details: null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    max_tool_calls: request.max_tool_calls ?? null,
    model,
    output: [],
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: request.previous_response_id ?? null,
    presence_penalty: 0,
    frequency_penalty: 0,
    prompt_cache_key: request.prompt_cache_key ?? null,
    prompt_cache_retention: request.prompt_cache_retention ?? null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: summaryOf(request) },
    safety_identifier: request.safety_identifier ?? null,
    service_tier: "default",
    store,
    temperature: request.temperature ?? 1,
    text: {
      format: textFormat(request),
      verbosity: request.text?.verbosity ?? "medium",
    },
    tool_choice: request.tool_choice ?? "auto",
    tools: functionTools(request).map((tool) => ({
      type: "function",
      name: tool.name,
      description: tool.description ?? null,
      parameters: tool.parameters ?? null,
      strict: tool.strict ?? null,
    })),
    top_logprobs: request.top_logprobs ?? 0,
    top_p: request.top_p ?? 1,
    truncation: "disabled",
    usage: null,
    user: request.user ?? null,
    metadata: request.metadata ?? {},
    parapet: null,
  };
}

/** A response that was answered, whole or cut short. */
export function closeResponse(opened: ResponseObject, end: ResponseEnd): ResponseObject {
  const reason = incompleteReason(end.finishReason);
  return {
    ...opened,
    status: reason === null ? "completed" : "incomplete",
    completed_at: reason === null ? toSeconds(end.completedMs) : null,
    incomplete_details: reason === null ? null : { reason },
    output: end.output,
    usage: renderUsage(end.usage),
    parapet: end.parapet,
  };
}

/** As its reader asked for it. */
export function presentResponse(response: ResponseObject, include: readonly string[] | null | undefined) {
  const isIncluded = (include ?? []).includes("reasoning.encrypted_content");
  return { ...response, output: presentItems(response.output, isIncluded) };
}

function incompleteReason(finish: FinishReason): "max_output_tokens" | "content_filter" | null {
  if (finish === "length") return "max_output_tokens";
  return finish === "content_filter" ? "content_filter" : null;
}

/** The schema's defaults filled in, as clients expect them back. */
function textFormat({ text }: ResponsesRequest): object {
  const format = text?.format;
  if (format === null || format === undefined) return { type: "text" };
  if (format.type !== "json_schema") return format;
  return { ...format, description: format.description ?? null, strict: format.strict ?? false };
}

function renderUsage(usage: TokenUsage): z.infer<typeof responseUsage> {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: {
      cached_tokens: usage.cachedInputTokens,
      cache_write_tokens: usage.cacheWriteInputTokens ?? 0,
    },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

function toSeconds(timeMs: number): number {
  return Math.floor(timeMs / 1000);
}
