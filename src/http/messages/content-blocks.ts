import { z } from "zod";

/** The content blocks of Anthropic's Messages API that a request may carry; every other is refused by name. */

export const cacheControl = z.object({ type: z.literal("ephemeral"), ttl: z.enum(["5m", "1h"]).optional() });
const mark = { cache_control: cacheControl.nullish() };

/** A documented field that is refused by name, with the way out. `null` says nothing, and clients echo it. */
export function refusedField(reason: string) {
  return z.null(reason).optional();
}

function refusedBlock<T extends string>(type: T, reason: string) {
  return z.object({ type: z.literal(type) }).refine(() => false, { path: ["type"], message: `${type} ${reason}` });
}

/** Citations of a text are what Claude answered with; they are passed over when they come back. */
const textBlock = z.object({ type: z.literal("text"), text: z.string(), citations: z.unknown().optional(), ...mark });
export type TextBlock = z.infer<typeof textBlock>;
export const textBlocks = z.union([z.string(), z.array(textBlock)]);

const uploaded = "names a file kept at Anthropic; send its data";

const imageBlock = z.object({
  type: z.literal("image"),
  source: z.discriminatedUnion("type", [
    z.object({
      type: z.literal("base64"),
      media_type: z.enum(["image/jpeg", "image/png", "image/gif", "image/webp"]),
      data: z.base64(),
    }),
    z.object({ type: z.literal("url"), url: z.url({ protocol: /^https$/ }) }),
    refusedBlock("file", uploaded),
  ]),
  transformations: refusedField("images are sent as they are"),
  ...mark,
});
export type ImageBlock = z.infer<typeof imageBlock>;

const documentBlock = z.object({
  type: z.literal("document"),
  source: z.discriminatedUnion("type", [
    z.object({ type: z.literal("base64"), media_type: z.literal("application/pdf"), data: z.base64() }),
    z.object({ type: z.literal("text"), media_type: z.literal("text/plain"), data: z.string() }),
    z.object({ type: z.literal("content"), content: textBlocks }),
    refusedBlock("url", "is not fetched; send its data"),
    refusedBlock("file", uploaded),
  ]),
  title: z.string().min(1).max(256).nullish(),
  context: z.string().nullish(),
  citations: z
    .object({ enabled: z.literal(false, "only answers from a `parapet.collection` carry citations").optional() })
    .nullish(),
  ...mark,
});
export type DocumentBlock = z.infer<typeof documentBlock>;

const refusedContent = [
  refusedBlock("search_result", "is not supported; send its text, or name a `parapet.collection`"),
  refusedBlock("container_upload", "needs a container, and none runs here"),
  refusedBlock("tool_reference", "is not supported: all tools are given to the model at once"),
] as const;

const toolResultBlock = z.object({
  type: z.literal("tool_result"),
  tool_use_id: z.string().min(1).max(256),
  content: z
    .union([
      z.string(),
      z.array(z.discriminatedUnion("type", [textBlock, imageBlock, documentBlock, ...refusedContent])),
    ])
    .nullish(),
  is_error: z.boolean().nullish(),
  ...mark,
});
export type ToolResultBlock = z.infer<typeof toolResultBlock>;

const thinkingBlock = z.object({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() });
const redactedThinkingBlock = z.object({ type: z.literal("redacted_thinking"), data: z.string() });

const toolUseBlock = z.object({
  type: z.literal("tool_use"),
  id: z.string().min(1).max(256),
  name: z.string().min(1).max(256),
  input: z.record(z.string(), z.unknown()),
  caller: z.object({ type: z.literal("direct", "only the model itself calls tools here") }).nullish(),
  ...mark,
});

const serverSide = "is of a tool that Anthropic runs, and none is offered here";

export const userBlock = z.discriminatedUnion("type", [
  textBlock,
  imageBlock,
  documentBlock,
  toolResultBlock,
  ...refusedContent,
]);
export type UserBlock = z.infer<typeof userBlock>;

export const assistantBlock = z.discriminatedUnion("type", [
  textBlock,
  thinkingBlock,
  redactedThinkingBlock,
  toolUseBlock,
  refusedBlock("server_tool_use", serverSide),
  refusedBlock("web_search_tool_result", serverSide),
  refusedBlock("web_fetch_tool_result", serverSide),
  refusedBlock("code_execution_tool_result", serverSide),
  refusedBlock("bash_code_execution_tool_result", serverSide),
  refusedBlock("text_editor_code_execution_tool_result", serverSide),
  refusedBlock("tool_search_tool_result", serverSide),
  refusedBlock("mcp_tool_use", serverSide),
  refusedBlock("mcp_tool_result", serverSide),
  refusedBlock("compaction", "is not supported: conversations are not compacted here"),
]);
export type AssistantBlock = z.infer<typeof assistantBlock>;
