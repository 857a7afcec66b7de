import { z } from "zod";
import { parapetRequest } from "./parapet-extension.ts";

/** OpenAI's chat completion wire format, as far as the gateway carries it; every other documented field is refused by name. */

export const toolCall = z.object({
  id: z.string().min(1).max(256),
  type: z.literal("function"),
  function: z.object({ name: z.string().min(1).max(256), arguments: z.string() }),
  /** As Google's own OpenAI-compatible layer carries it: Gemini wants its signature back with the call. */
  extra_content: z.object({ google: z.object({ thought_signature: z.string() }) }).optional(),
});
export type ToolCall = z.infer<typeof toolCall>;

/** Anthropic's mark for the end of a prefix worth caching; providers that cache by themselves ignore it. */
const cacheControl = z.object({ type: z.literal("ephemeral"), ttl: z.enum(["5m", "1h"]).optional() });

const textPart = z.object({ type: z.literal("text"), text: z.string(), cache_control: cacheControl.optional() });
const imagePart = z.object({
  type: z.literal("image_url"),
  image_url: z.object({
    url: z.string().regex(/^(?:https:|data:image\/)/, "must be an https: or data:image/ URL"),
    detail: z.enum(["auto", "low", "high"]).optional(),
  }),
  cache_control: cacheControl.optional(),
});
const audioPart = z.object({
  type: z.literal("input_audio"),
  input_audio: z.object({ data: z.base64(), format: z.enum(["wav", "mp3"]) }),
});
const filePart = z.object({
  type: z.literal("file"),
  file: z.strictObject({
    filename: z.string().min(1).max(256).optional(),
    file_data: z
      .string()
      .regex(/^data:[\w.+-]+\/[\w.+-]+;base64,/, "must be a data: URL with base64; uploaded files are not kept here"),
  }),
  cache_control: cacheControl.optional(),
});
const refusalPart = z.object({ type: z.literal("refusal"), refusal: z.string() });

/**
 * What a model thought before it answered, in Anthropic's shape. It goes back to the provider unchanged, as the signature
 * demands; `redacted_thinking` holds what only the provider can read (OpenAI's encrypted reasoning too).
 */
export const thinkingBlock = z.discriminatedUnion("type", [
  z.object({ type: z.literal("thinking"), thinking: z.string(), signature: z.string().optional() }),
  z.object({ type: z.literal("redacted_thinking"), data: z.string() }),
]);
export type ThinkingBlock = z.infer<typeof thinkingBlock>;

const participantName = z.string().regex(/^[\w-]{1,64}$/, "must be 1 to 64 letters, digits, _ or -");
/** A documented field that is refused by name, with the way out. `null` says nothing, and clients echo it. */
function notSupported(reason: string) {
  return z.null(reason);
}

const textContent = z.union([z.string(), z.array(textPart).min(1)]);

const systemMessage = z.object({
  role: z.enum(["system", "developer"]),
  content: textContent,
  name: participantName.optional(),
});
const userMessage = z.object({
  role: z.literal("user"),
  content: z.union([
    z.string(),
    z.array(z.discriminatedUnion("type", [textPart, imagePart, audioPart, filePart])).min(1),
  ]),
  name: participantName.optional(),
});
const assistantMessage = z.object({
  role: z.literal("assistant"),
  content: z.union([z.string(), z.array(z.discriminatedUnion("type", [textPart, refusalPart])).min(1)]).nullish(),
  refusal: z.string().nullish(),
  name: participantName.optional(),
  tool_calls: z.array(toolCall).min(1).optional(),
  thinking_blocks: z.array(thinkingBlock).optional(),
  audio: notSupported("answers in audio cannot be referred to; send the text").optional(),
  function_call: notSupported("is OpenAI's retired form; send `tool_calls`").optional(),
});
const toolMessage = z.object({
  role: z.literal("tool"),
  content: textContent,
  tool_call_id: z.string().min(1),
  cache_control: cacheControl.optional(),
});

export const chatMessage = z.discriminatedUnion("role", [systemMessage, userMessage, assistantMessage, toolMessage]);
export type ChatMessage = z.infer<typeof chatMessage>;

const jsonSchema = z.record(z.string(), z.unknown());
const functionName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, _ or -");

export const toolDefinition = z.object({
  type: z.literal("function"),
  function: z.object({
    name: functionName,
    description: z.string().optional(),
    parameters: jsonSchema.optional(),
    strict: z.boolean().nullish(),
  }),
  cache_control: cacheControl.optional(),
});
export type ToolDefinition = z.infer<typeof toolDefinition>;

const namedFunction = z.object({ type: z.literal("function"), function: z.object({ name: functionName }) });
const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  namedFunction,
  z.object({
    type: z.literal("allowed_tools"),
    allowed_tools: z.object({ mode: z.enum(["auto", "required"]), tools: z.array(namedFunction).min(1) }),
  }),
]);

/** How much a model may think, in Anthropic's words; elsewhere it becomes an effort. */
const thinking = z.discriminatedUnion("type", [
  z.object({ type: z.literal("disabled") }),
  z.object({ type: z.literal("adaptive"), display: z.enum(["summarized", "omitted"]).optional() }),
  z.object({
    type: z.literal("enabled"),
    budget_tokens: z.int().min(1024),
    display: z.enum(["summarized", "omitted"]).optional(),
  }),
]);

export const responseFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: functionName,
      description: z.string().optional(),
      schema: jsonSchema.optional(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

const maxMessages = 2048;
const maxTools = 128;

export const chatRequest = z
  .strictObject({
    model: z.string().min(1).max(256),
    messages: z.array(chatMessage).min(1).max(maxMessages),
    stream: z.boolean().nullish(),
    stream_options: z.object({ include_usage: z.boolean().optional() }).nullish(),
    max_completion_tokens: z.int().min(1).nullish(),
    max_tokens: z.int().min(1).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z.int().min(1).nullish(),
    frequency_penalty: z.number().min(-2).max(2).nullish(),
    presence_penalty: z.number().min(-2).max(2).nullish(),
    seed: z.int().nullish(),
    stop: z.union([z.string(), z.array(z.string()).min(1).max(16)]).nullish(),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.int().min(0).max(20).nullish(),
    logit_bias: z.record(z.string().regex(/^\d+$/), z.number().min(-100).max(100)).nullish(),
    n: z.literal(1, "only one choice a request is supported").nullish(),
    tools: z.array(toolDefinition).min(1).max(maxTools).optional(),
    tool_choice: toolChoice.optional(),
    parallel_tool_calls: z.boolean().optional(),
    response_format: responseFormat.optional(),
    reasoning_effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh"]).nullish(),
    verbosity: z.enum(["low", "medium", "high"]).nullish(),
    thinking: thinking.nullish(),
    service_tier: z
      .enum(["auto", "default"], "only the provider's standard tier is called: other tiers have other prices")
      .nullish(),
    metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
    prompt_cache_key: z.string().nullish(),
    prompt_cache_retention: z.enum(["in_memory", "24h"]).nullish(),
    prompt_cache_options: z.record(z.string(), z.unknown()).nullish(),
    safety_identifier: z.string().nullish(),
    store: z.boolean().nullish(),
    user: z.string().nullish(),
    modalities: z.array(z.literal("text", "answers are text: audio cannot be checked")).min(1).nullish(),
    audio: notSupported("answers are text: audio cannot be checked").optional(),
    functions: notSupported("is OpenAI's retired form; send `tools`").optional(),
    function_call: notSupported("is OpenAI's retired form; send `tool_choice`").optional(),
    moderation: notSupported("Parapet's own guardrails check every request").optional(),
    prediction: notSupported("no provider is sent predicted output").optional(),
    web_search_options: notSupported("models do not search the web here; name a `parapet.collection`").optional(),
    parapet: parapetRequest.optional(),
  })
  .meta({ id: "ChatCompletionRequest" });
export type ChatRequest = z.infer<typeof chatRequest>;

export const finishReasons = ["stop", "length", "tool_calls", "content_filter"] as const;
export type FinishReason = (typeof finishReasons)[number];

const tokenLogprob = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()).nullable() });
/** A token of the answer with how likely it was, and the likeliest in its place. */
export const choiceLogprob = tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob) });
export type ChoiceLogprob = z.infer<typeof choiceLogprob>;

/** The text of a message, its parts joined by line breaks; images, audio and files count as nothing. */
export function textOf(message: ChatMessage): string {
  if (message.content === null || message.content === undefined) return "";
  if (typeof message.content === "string") return message.content;
  return message.content
    .flatMap((part) => (part.type === "text" ? [part.text] : part.type === "refusal" ? [part.refusal] : []))
    .join("\n");
}
