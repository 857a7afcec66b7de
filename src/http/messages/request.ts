import { z } from "zod";
import { parapetRequest } from "../../core/parapet-extension.ts";
import { assistantBlock, cacheControl, refusedField, textBlocks, userBlock } from "./content-blocks.ts";

/** Anthropic's `POST /v1/messages`: every documented field is passed on, translated, or refused by name. */

const message = z.discriminatedUnion("role", [
  z.object({ role: z.literal("user"), content: z.union([z.string(), z.array(userBlock).min(1)]) }),
  z.object({ role: z.literal("assistant"), content: z.union([z.string(), z.array(assistantBlock)]) }),
  z.object({ role: z.literal("system"), content: textBlocks }),
]);
export type MessageParam = z.infer<typeof message>;

const jsonSchema = z.record(z.string(), z.unknown());

const tool = z.strictObject({
  type: z.literal("custom", "names a tool of Anthropic's, and none is offered here; describe your own").nullish(),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, _ or -"),
  description: z.string().optional(),
  input_schema: jsonSchema,
  strict: z.boolean().nullish(),
  cache_control: cacheControl.nullish(),
  /** Calls are checked, and so released, whole: how finely the model streams them does not show. */
  eager_input_streaming: z.boolean().nullish(),
  allowed_callers: z.array(z.literal("direct", "only the model itself calls tools here")).nullish(),
  defer_loading: z.literal(false, "all tools are given to the model at once").nullish(),
  input_examples: refusedField("put examples into the description"),
});
export type ToolParam = z.infer<typeof tool>;

const parallel = { disable_parallel_tool_use: z.boolean().nullish() };
const toolChoice = z.discriminatedUnion("type", [
  z.object({ type: z.literal("auto"), ...parallel }),
  z.object({ type: z.literal("any"), ...parallel }),
  z.object({ type: z.literal("tool"), name: z.string().min(1).max(64), ...parallel }),
  z.object({ type: z.literal("none") }),
]);

const display = { display: z.enum(["summarized", "omitted"]).nullish() };
const thinking = z.discriminatedUnion("type", [
  z.object({ type: z.literal("adaptive"), ...display }),
  z.object({ type: z.literal("enabled"), budget_tokens: z.int().min(1_024), ...display }),
  z.object({ type: z.literal("between_tools") }),
  z.object({ type: z.literal("disabled") }),
]);

const outputConfig = z.strictObject({
  effort: z.enum(["low", "medium", "high", "xhigh", "max"]).nullish(),
  format: z.object({ type: z.literal("json_schema"), schema: jsonSchema }).nullish(),
  task_budget: refusedField("set `parapet.budget` instead"),
});

const maxMessages = 2048;
const maxTools = 128;

/**
 * A thread is a conversation the server may hold between turns. None is held here: a new one is answered like any request, and
 * one that is continued is not found, upon which Anthropic's clients send the whole conversation.
 */
const thread = z.discriminatedUnion("type", [
  z.object({ type: z.literal("create") }),
  z.object({ type: z.literal("continue"), previous_message_id: z.string().min(1).max(256) }),
]);

/** What a prompt is made of: all that is counted. */
const prompt = {
  model: z.string().min(1).max(256),
  messages: z.array(message).min(1).max(maxMessages),
  system: textBlocks.nullish(),
  tools: z.array(tool).max(maxTools).nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: thinking.nullish(),
  output_config: outputConfig.nullish(),
  cache_control: cacheControl.nullish(),
  speed: z.literal("standard", "only the standard speed is called: another has another price").nullish(),
  mcp_servers: refusedField("no MCP server is called from here; offer its tools"),
  context_management: refusedField("conversations are not edited here; send what the model is to see"),
  user_profile_id: refusedField("who asks stays in Parapet; name a `parapet.subject`"),
  output_format: refusedField("is the retired form; send `output_config.format`"),
};

export const messagesRequest = z
  .strictObject({
    ...prompt,
    max_tokens: z.int().min(1),
    stream: z.boolean().nullish(),
    stop_sequences: z.array(z.string().min(1)).max(16).nullish(),
    temperature: z.number().min(0).max(1).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z.int().min(1).nullish(),
    metadata: z.strictObject({ user_id: z.string().max(512).nullish() }).nullish(),
    service_tier: z
      .enum(["auto", "standard_only"], "only the provider's standard tier is called: other tiers have other prices")
      .nullish(),
    thread: thread.nullish(),
    container: refusedField("no container runs here"),
    diagnostics: refusedField("cache diagnostics are not passed on"),
    fallbacks: refusedField("name `auto` or a tier as the `model`: fallbacks are Parapet's"),
    inference_geo: refusedField("where a provider computes is the deployment's choice"),
    parapet: parapetRequest.optional(),
  })
  .meta({ id: "MessagesRequest" });
export type MessagesRequest = z.infer<typeof messagesRequest>;

export const countTokensRequest = z.strictObject(prompt).meta({ id: "CountTokensRequest" });
export type CountTokensRequest = z.infer<typeof countTokensRequest>;
