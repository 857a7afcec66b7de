import { z } from "zod";
import type { ChoiceLogprob, ThinkingBlock, ToolCall } from "../../core/chat.ts";
import { choiceLogprob } from "../../core/chat.ts";
import type { Citation } from "../../core/parapet-extension.ts";
import { newItemId } from "../../core/response-id.ts";
import type { Answer } from "../../gateway/completion.ts";
import { openaiReasoningIn } from "../../core/sealed-reasoning.ts";
import { packReasoning } from "./reasoning-content.ts";

/** A citation in the only form of annotation that needs no URL; the checked one, with its quote, is in `parapet.citations`. */
const annotation = z.object({
  type: z.literal("file_citation"),
  file_id: z.string(),
  filename: z.string(),
  index: z.int().describe("Where in the text the citation stands (UTF-16 code units)."),
});
export type Annotation = z.infer<typeof annotation>;

const outputText = z.object({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: z.array(annotation),
  logprobs: z.array(choiceLogprob),
});
const refusal = z.object({ type: z.literal("refusal"), refusal: z.string() });
export type OutputContent = z.infer<typeof outputText> | z.infer<typeof refusal>;

const itemStatus = z.enum(["in_progress", "completed", "incomplete"]);
const messageItem = z.object({
  id: z.string(),
  type: z.literal("message"),
  status: itemStatus,
  role: z.literal("assistant"),
  content: z.array(z.discriminatedUnion("type", [outputText, refusal])),
});
export type MessageOutput = z.infer<typeof messageItem>;
const callItem = z.object({
  id: z.string(),
  type: z.literal("function_call"),
  status: itemStatus,
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
});
export type CallOutput = z.infer<typeof callItem>;
const reasoningItem = z.object({
  id: z.string(),
  type: z.literal("reasoning"),
  summary: z.array(z.object({ type: z.literal("summary_text"), text: z.string() })),
  encrypted_content: z.string().nullish(),
});
export type ReasoningOutput = z.infer<typeof reasoningItem>;

export const outputItem = z.discriminatedUnion("type", [messageItem, callItem, reasoningItem]);
export type OutputItem = z.infer<typeof outputItem>;

/** A whole answer as items, in the order in which a model makes them: reasoning, text, calls. */
export function outputItems(answer: Answer, session: string): OutputItem[] {
  const isCut = answer.finishReason === "length" || answer.finishReason === "content_filter";
  const content: OutputContent[] = [];
  if (answer.content !== null && (answer.content !== "" || answer.refusal === null)) {
    content.push(textContent(answer.content, answer.citations, answer.logprobs));
  }
  if (answer.refusal !== null) content.push({ type: "refusal", refusal: answer.refusal });
  return [
    ...groupThinking(answer.thinking).map((blocks) => reasoningOutput(blocks, newItemId("rs", session))),
    ...(content.length === 0
      ? []
      : [messageOutput(content, { id: newItemId("msg", session), status: isCut ? "incomplete" : "completed" })]),
    ...answer.toolCalls.map((call) => callOutput(call, newItemId("fc", session))),
  ];
}

export function textContent(text: string, citations: Citation[], logprobs: ChoiceLogprob[] | null): OutputContent {
  return { type: "output_text", annotations: annotationsOf(text, citations), logprobs: logprobs ?? [], text };
}

export function messageOutput(
  content: OutputContent[],
  { id, status }: Pick<MessageOutput, "id" | "status">,
): MessageOutput {
  return { id, type: "message", status, role: "assistant", content };
}

export function callOutput(call: ToolCall, id: string): CallOutput {
  const { name, arguments: text } = call.function;
  return { id, type: "function_call", status: "completed", call_id: call.id, name, arguments: text };
}

export function reasoningOutput(blocks: readonly ThinkingBlock[], id: string): ReasoningOutput {
  const summary = blocks.flatMap((block) =>
    block.type === "thinking" && block.thinking !== "" ? [{ type: "summary_text" as const, text: block.thinking }] : [],
  );
  return { id, type: "reasoning", summary, encrypted_content: packReasoning(blocks) };
}

/** Blocks that are one reasoning item: OpenAI's summary comes right before what it encrypted, every other block stands alone. */
function groupThinking(blocks: readonly ThinkingBlock[]): ThinkingBlock[][] {
  const groups: ThinkingBlock[][] = [];
  for (const block of blocks) {
    const last = groups.at(-1);
    if (last !== undefined && belongsTo(last, block)) last.push(block);
    else groups.push([block]);
  }
  return groups;
}

/** Whether a block ends the item that the blocks before it began. */
export function belongsTo(blocks: readonly ThinkingBlock[], next: ThinkingBlock): boolean {
  const [only, ...more] = blocks;
  return (
    more.length === 0 && only?.type === "thinking" && only.signature === undefined && openaiReasoningIn(next) !== null
  );
}

/** Reasoning that only a model can read is shown to who asked for it. */
export function presentItems<T extends { type?: string | undefined }>(items: readonly T[], isIncluded: boolean): T[] {
  if (isIncluded) return [...items];
  return items.map((item) =>
    item.type === "reasoning" && "encrypted_content" in item ? { ...item, encrypted_content: null } : item,
  );
}

/** One for each marker in the text, in its order. */
function annotationsOf(text: string, citations: Citation[]): Annotation[] {
  const byIndex = new Map(citations.map((citation) => [citation.index, citation]));
  return [...text.matchAll(/\[(\d+)\]/g)].flatMap((marker) => {
    const citation = byIndex.get(Number(marker[1]));
    if (citation === undefined) return [];
    const { document_id: id, document_title: title } = citation;
    return [{ type: "file_citation" as const, file_id: id, filename: title, index: marker.index }];
  });
}
