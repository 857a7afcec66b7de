import { z } from "zod";
import { parapetRequest } from "../../core/parapet-extension.ts";
import { inputItem, refusedField, refusedType } from "./input-items.ts";

/** OpenAI's `POST /v1/responses`: every documented field is passed on, translated, or refused by name. */

const functionName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, _ or -");
const jsonSchema = z.record(z.string(), z.unknown());

const functionTool = z.object({
  type: z.literal("function"),
  name: functionName,
  description: z.string().nullish(),
  parameters: jsonSchema.nullish(),
  strict: z.boolean().nullish(),
  allowed_callers: z.array(z.literal("direct", "only the model itself calls functions here")).nullish(),
  async: z.literal(false, "functions are answered before the model goes on").nullish(),
  defer_loading: z.literal(false, "all tools are given to the model at once").nullish(),
  output_schema: refusedField("results of functions are not checked"),
});
export type FunctionTool = z.infer<typeof functionTool>;

const hosted = "is run by OpenAI, and no such tool runs here; offer a function";
const hostedSearch = "is run by OpenAI; name a `parapet.collection` to answer from documents";

const tool = z.discriminatedUnion("type", [
  functionTool,
  refusedType("file_search", hostedSearch),
  refusedType("web_search", hostedSearch),
  refusedType("web_search_2025_08_26", hostedSearch),
  refusedType("web_search_preview", hostedSearch),
  refusedType("web_search_preview_2025_03_11", hostedSearch),
  refusedType("code_interpreter", hosted),
  refusedType("computer", hosted),
  refusedType("computer_use_preview", hosted),
  refusedType("mcp", hosted),
  refusedType("image_generation", hosted),
  refusedType("programmatic_tool_calling", hosted),
  refusedType("tool_search", hosted),
  refusedType("local_shell", hosted),
  refusedType("shell", hosted),
  refusedType("apply_patch", hosted),
  refusedType("namespace", "list its functions in `tools`"),
  refusedType("custom", "is free text that cannot be checked; offer a function"),
]);

const namedFunction = z.object({ type: z.literal("function"), name: functionName });
const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  namedFunction,
  z.object({
    type: z.literal("allowed_tools"),
    mode: z.enum(["auto", "required"]),
    tools: z.array(namedFunction).min(1),
  }),
]);

const textFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    name: functionName,
    description: z.string().nullish(),
    schema: jsonSchema,
    strict: z.boolean().nullish(),
  }),
]);

const summaryDetail = z.enum(["auto", "concise", "detailed"]).nullish();
const reasoning = z.object({
  effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]).nullish(),
  summary: summaryDetail,
  generate_summary: summaryDetail,
  context: z.literal("auto", "which turns' reasoning counts is the provider's choice").nullish(),
  mode: z.literal("standard", "only the standard mode is priced").nullish(),
});

const includable = z.enum([
  "file_search_call.results",
  "web_search_call.results",
  "web_search_call.action.sources",
  "message.input_image.image_url",
  "computer_call_output.output.image_url",
  "code_interpreter_call.outputs",
  "reasoning.encrypted_content",
  "message.output_text.logprobs",
]);
export const includeList = z.array(includable);

/** OpenAI's own bound of one request's items. */
const maxItems = 2048;

export const responsesRequest = z
  .strictObject({
    model: z.string().min(1).max(256),
    input: z.union([z.string().min(1), z.array(inputItem).min(1).max(maxItems)]),
    instructions: z.string().nullish(),
    tools: z.array(tool).max(128).nullish(),
    tool_choice: toolChoice.nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    text: z.object({ format: textFormat.nullish(), verbosity: z.enum(["low", "medium", "high"]).nullish() }).nullish(),
    reasoning: reasoning.nullish(),
    max_output_tokens: z.int().min(1).nullish(),
    max_tool_calls: z.int().min(1).nullish().describe("Bounds tools that OpenAI hosts; there are none here."),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_logprobs: z.int().min(0).max(20).nullish(),
    include: includeList.nullish(),
    metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
    store: z.boolean().nullish(),
    previous_response_id: z.string().min(1).max(256).nullish(),
    stream: z.boolean().nullish(),
    stream_options: z.object({ include_obfuscation: z.literal(false, "events are not padded").nullish() }).nullish(),
    truncation: z
      .literal("disabled", "nothing is dropped from a conversation unseen: shorten it, or start a new one")
      .nullish(),
    service_tier: z
      .enum(["auto", "default"], "only the provider's standard tier is called: other tiers have other prices")
      .nullish(),
    prompt_cache_key: z.string().nullish(),
    prompt_cache_retention: z.enum(["in_memory", "24h"]).nullish(),
    prompt_cache_options: z.record(z.string(), z.unknown()).nullish(),
    safety_identifier: z.string().nullish(),
    user: z.string().nullish(),
    background: z.literal(false, "responses are answered at once; ask with `stream: true` for a long one").nullish(),
    conversation: refusedField("conversations are continued with `previous_response_id`"),
    prompt: refusedField("prompts kept at OpenAI cannot be reached from here"),
    context_management: refusedField("conversations are not compacted here"),
    moderation: refusedField("Parapet's own guardrails check every request"),
    access_programs: refusedField("is an arrangement between OpenAI and its customer"),
    image: refusedField("images are passed on as they are"),
    parapet: parapetRequest.optional(),
  })
  .meta({ id: "ResponsesRequest" });
export type ResponsesRequest = z.infer<typeof responsesRequest>;

/** The functions of a request: other tools did not pass the schema, which TypeScript cannot see. */
export function functionTools({ tools }: ResponsesRequest): FunctionTool[] {
  return (tools ?? []).filter((offered): offered is FunctionTool => offered.type === "function");
}
