import { z } from "zod";
import { parapetRequest } from "./parapet-extension.ts";

/** OpenAI's chat completion wire format, as far as the gateway carries it; every other documented field is refused by name. */

export const toolCall = z.object({
  id: z.string().min(1).max(256),
  type: z.literal("function"),
  function: z.object({ name: z.string().min(1).max(256), arguments: z.string() }),
});
export type ToolCall = z.infer<typeof toolCall>;

const textPart = z.object({ type: z.literal("text"), text: z.string() });
const imagePart = z.object({
  type: z.literal("image_url"),
  image_url: z.object({
    url: z.string().regex(/^(?:https:|data:image\/)/, "must be an https: or data:image/ URL"),
    detail: z.enum(["auto", "low", "high"]).optional(),
  }),
});

const participantName = z.string().regex(/^[\w-]{1,64}$/, "must be 1 to 64 letters, digits, _ or -");
const textContent = z.union([z.string(), z.array(textPart).min(1)]);

const systemMessage = z.object({
  role: z.enum(["system", "developer"]),
  content: textContent,
  name: participantName.optional(),
});
const userMessage = z.object({
  role: z.literal("user"),
  content: z.union([z.string(), z.array(z.discriminatedUnion("type", [textPart, imagePart])).min(1)]),
  name: participantName.optional(),
});
const assistantMessage = z.object({
  role: z.literal("assistant"),
  content: textContent.nullish(),
  refusal: z.string().nullish(),
  name: participantName.optional(),
  tool_calls: z.array(toolCall).min(1).optional(),
});
const toolMessage = z.object({ role: z.literal("tool"), content: textContent, tool_call_id: z.string().min(1) });

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
});
export type ToolDefinition = z.infer<typeof toolDefinition>;

const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.object({ type: z.literal("function"), function: z.object({ name: functionName }) }),
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
    frequency_penalty: z.number().min(-2).max(2).nullish(),
    presence_penalty: z.number().min(-2).max(2).nullish(),
    seed: z.int().nullish(),
    stop: z.union([z.string(), z.array(z.string()).min(1).max(4)]).nullish(),
    n: z.literal(1, "only one choice a request is supported").nullish(),
    tools: z.array(toolDefinition).min(1).max(maxTools).optional(),
    tool_choice: toolChoice.optional(),
    parallel_tool_calls: z.boolean().optional(),
    response_format: responseFormat.optional(),
    reasoning_effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh"]).nullish(),
    verbosity: z.enum(["low", "medium", "high"]).nullish(),
    service_tier: z.enum(["auto", "default", "flex", "priority"]).nullish(),
    metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
    prompt_cache_key: z.string().nullish(),
    safety_identifier: z.string().nullish(),
    store: z.boolean().nullish(),
    user: z.string().nullish(),
    parapet: parapetRequest.optional(),
  })
  .meta({ id: "ChatCompletionRequest" });
export type ChatRequest = z.infer<typeof chatRequest>;

export const finishReasons = ["stop", "length", "tool_calls", "content_filter"] as const;
export type FinishReason = (typeof finishReasons)[number];

/** The text of a message, its parts joined by line breaks; images count as nothing. */
export function textOf(message: ChatMessage): string {
  if (message.content === null || message.content === undefined) return "";
  if (typeof message.content === "string") return message.content;
  return message.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}
