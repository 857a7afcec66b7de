import { z } from "zod";

/** What a conversation is made of in OpenAI's Responses API: the items that are carried, and by name those that are not. */

const role = z.enum(["user", "assistant", "system", "developer"]);
const status = z.enum(["in_progress", "completed", "incomplete"]).nullish();
const id = z.string().max(256).nullish();
/** OpenAI's mark for the end of a prefix worth caching. */
const breakpoint = z.object({ mode: z.literal("explicit"), ttl: z.enum(["30m", "12h"]).optional() }).nullish();

/** A documented field that is refused by name; `null` says nothing, and clients echo it. */
export function refusedField(reason: string) {
  return z.null(reason).optional();
}

/** A documented form that is refused by the name of its type. */
export function refusedType<T extends string>(type: T, reason: string) {
  return z.looseObject({ type: z.literal(type) }).refine(() => false, { path: ["type"], error: `${type}: ${reason}` });
}

const inputText = z.object({ type: z.literal("input_text"), text: z.string(), prompt_cache_breakpoint: breakpoint });
const inputImage = z.object({
  type: z.literal("input_image"),
  image_url: z.string().regex(/^(?:https:|data:image\/)/, "must be an https: or data:image/ URL"),
  detail: z.enum(["auto", "low", "high", "original"]).nullish(),
  file_id: refusedField("uploaded files are not kept here; send `image_url`"),
  prompt_cache_breakpoint: breakpoint,
});
const inputFile = z.object({
  type: z.literal("input_file"),
  file_data: z
    .string()
    .regex(/^data:[\w.+-]+\/[\w.+-]+;base64,/, "must be a data: URL with base64; uploaded files are not kept here"),
  filename: z.string().min(1).max(256).nullish(),
  detail: z.enum(["auto", "low", "high"]).nullish(),
  file_id: refusedField("uploaded files are not kept here; send `file_data`"),
  file_url: refusedField("files are not fetched; send `file_data`"),
  prompt_cache_breakpoint: breakpoint,
});
const inputAudio = z.object({
  type: z.literal("input_audio"),
  input_audio: z.object({ data: z.base64(), format: z.enum(["wav", "mp3"]) }),
});
const outputText = z.object({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: z.array(z.unknown()).nullish(),
  logprobs: z.array(z.unknown()).nullish(),
});
const refusal = z.object({ type: z.literal("refusal"), refusal: z.string() });

const contentPart = z.discriminatedUnion("type", [inputText, inputImage, inputFile, inputAudio, outputText, refusal]);
export type ContentPart = z.infer<typeof contentPart>;

const message = z.object({
  type: z.literal("message").optional(),
  id,
  role,
  status,
  phase: z.enum(["commentary", "final_answer"]).nullish(),
  content: z.union([z.string(), z.array(contentPart).min(1)]),
});
export type MessageItem = z.infer<typeof message>;

const functionCall = z.object({
  type: z.literal("function_call"),
  id,
  call_id: z.string().min(1).max(256),
  name: z.string().min(1).max(256),
  arguments: z.string(),
  status,
});
const functionCallOutput = z.object({
  type: z.literal("function_call_output"),
  id,
  call_id: z.string().min(1),
  output: z.union([
    z.string(),
    z
      .array(
        z.discriminatedUnion("type", [
          inputText,
          refusedType("input_image", "results of functions are text; send the image in a user message"),
          refusedType("input_file", "results of functions are text; send the file in a user message"),
        ]),
      )
      .min(1),
  ]),
  status,
});
const reasoning = z.object({
  type: z.literal("reasoning"),
  id,
  summary: z.array(z.object({ type: z.literal("summary_text"), text: z.string() })),
  content: z.array(z.object({ type: z.literal("reasoning_text"), text: z.string() })).nullish(),
  encrypted_content: z.string().nullish(),
  status,
});
const itemReference = z.object({ type: z.literal("item_reference"), id: z.string().max(256) });

const hosted = "belongs to a tool that OpenAI hosts, and none of those runs here";
const local = "belongs to a tool that is not offered here; offer it as a function";

const typedItem = z.discriminatedUnion("type", [
  functionCall,
  functionCallOutput,
  reasoning,
  itemReference,
  refusedType("file_search_call", hosted),
  refusedType("web_search_call", hosted),
  refusedType("code_interpreter_call", hosted),
  refusedType("image_generation_call", hosted),
  refusedType("computer_call", hosted),
  refusedType("computer_call_output", hosted),
  refusedType("mcp_list_tools", hosted),
  refusedType("mcp_approval_request", hosted),
  refusedType("mcp_approval_response", hosted),
  refusedType("mcp_call", hosted),
  refusedType("tool_search_call", hosted),
  refusedType("tool_search_output", hosted),
  refusedType("additional_tools", "send the tools in `tools`"),
  refusedType("local_shell_call", local),
  refusedType("local_shell_call_output", local),
  refusedType("shell_call", local),
  refusedType("shell_call_output", local),
  refusedType("apply_patch_call", local),
  refusedType("apply_patch_call_output", local),
  refusedType("custom_tool_call", local),
  refusedType("custom_tool_call_output", local),
  refusedType("program", local),
  refusedType("program_output", local),
  refusedType("compaction", "only OpenAI can read it; send the items it stands for"),
  refusedType("compaction_trigger", "conversations are not compacted here"),
  refusedType("configuration_update", "send the new settings with the next request"),
]);

/** Typed items first: where nothing fits, the message of the one that was named says most. */
export const inputItem = z.union([typedItem, message]);

export type FunctionCallItem = z.infer<typeof functionCall>;
export type FunctionCallOutputItem = z.infer<typeof functionCallOutput>;
export type ReasoningItem = z.infer<typeof reasoning>;
export type ItemReference = z.infer<typeof itemReference>;
/** An item of a conversation, after references were looked up. */
export type ConversationItem = MessageItem | FunctionCallItem | FunctionCallOutputItem | ReasoningItem;

/** The items that are carried: the others did not pass the schema, which TypeScript cannot see. */
export function carriedItems(items: z.infer<typeof inputItem>[]): (ConversationItem | ItemReference)[] {
  return items.filter((item): item is ConversationItem | ItemReference => {
    const type = "type" in item ? (item.type ?? "message") : "message";
    return carried.has(type);
  });
}

const carried = new Set(["message", "function_call", "function_call_output", "reasoning", "item_reference"]);
