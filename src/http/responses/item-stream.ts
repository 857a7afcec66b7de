import type { ChoiceLogprob, ThinkingBlock, ToolCall } from "../../core/chat.ts";
import type { Citation } from "../../core/parapet-extension.ts";
import { newItemId } from "../../core/response-id.ts";
import {
  belongsTo,
  callOutput,
  messageOutput,
  reasoningOutput,
  textContent,
  type OutputContent,
  type OutputItem,
} from "./output-items.ts";

/** An event of OpenAI's stream before it is numbered. */
export type ItemEvent = { type: string; [field: string]: unknown };

/** Turns the pieces of an answer into items, each opened, filled and closed by the events that OpenAI documents. */
export interface ItemStream {
  text(delta: string): ItemEvent[];
  refusal(delta: string): ItemEvent[];
  thinking(delta: string): ItemEvent[];
  endThinking(block: ThinkingBlock): ItemEvent[];
  call(call: ToolCall): ItemEvent[];
  logprobs(content: ChoiceLogprob[]): void;
  /** Closes what is open. `isCut`: the message stops where the model was stopped. */
  end(end: { citations: Citation[]; isCut: boolean }): ItemEvent[];
  /** The items so far, those that are closed. */
  items(): OutputItem[];
}

interface OpenMessage {
  kind: "message";
  id: string;
  content: OutputContent[];
}
interface OpenReasoning {
  kind: "reasoning";
  id: string;
  blocks: ThinkingBlock[];
  /** What was shown of the block that is under way; `null` between blocks. */
  shown: string | null;
}

export function createItemStream(session: string, isEncryptedIncluded: boolean): ItemStream {
  const done: OutputItem[] = [];
  let open: OpenMessage | OpenReasoning | null = null;
  let tokens: ChoiceLogprob[] = [];
  const place = () => ({ output_index: done.length });

  const finish = (item: OutputItem): ItemEvent => {
    const event = { type: "response.output_item.done", ...place(), item: present(item) };
    done.push(item);
    return event;
  };
  const present = (item: OutputItem): OutputItem =>
    item.type === "reasoning" && !isEncryptedIncluded ? { ...item, encrypted_content: null } : item;

  const openMessage = (): { message: OpenMessage; events: ItemEvent[] } => {
    if (open?.kind === "message") return { message: open, events: [] };
    const events = close({ citations: [], isCut: false });
    const message: OpenMessage = { kind: "message", id: newItemId("msg", session), content: [] };
    open = message;
    const item = messageOutput([], { id: message.id, status: "in_progress" });
    return { message, events: [...events, { type: "response.output_item.added", ...place(), item }] };
  };

  const append = (type: OutputContent["type"], delta: string): ItemEvent[] => {
    const { message, events } = openMessage();
    const last = message.content.at(-1);
    if (last?.type !== type) {
      if (last !== undefined) events.push(...closeContent(message, last, []));
      const part: OutputContent =
        type === "refusal" ? { type, refusal: "" } : { type: "output_text", annotations: [], logprobs: [], text: "" };
      message.content.push(part);
      events.push({ type: "response.content_part.added", ...contentPlace(message), part: { ...part } });
    }
    const part = message.content.at(-1);
    if (part?.type === "refusal") {
      part.refusal += delta;
      return [...events, { type: "response.refusal.delta", ...contentPlace(message), delta }];
    }
    if (part !== undefined) part.text += delta;
    return [...events, { type: "response.output_text.delta", ...contentPlace(message), delta, logprobs: [] }];
  };

  const contentPlace = ({ id, content }: OpenMessage) => ({
    item_id: id,
    ...place(),
    content_index: content.length - 1,
  });

  const closeContent = (message: OpenMessage, part: OutputContent, citations: Citation[]): ItemEvent[] => {
    const where = contentPlace(message);
    if (part.type === "refusal") {
      return [
        { type: "response.refusal.done", ...where, refusal: part.refusal },
        { type: "response.content_part.done", ...where, part: { ...part } },
      ];
    }
    const whole = textContent(part.text, citations, tokens);
    message.content[message.content.length - 1] = whole;
    const annotations = whole.type === "output_text" ? whole.annotations : [];
    return [
      ...annotations.map((annotation, index) => ({
        type: "response.output_text.annotation.added",
        ...where,
        annotation_index: index,
        annotation,
      })),
      { type: "response.output_text.done", ...where, text: part.text, logprobs: tokens },
      { type: "response.content_part.done", ...where, part: whole },
    ];
  };

  const openReasoning = (): { reasoning: OpenReasoning; events: ItemEvent[] } => {
    if (open?.kind === "reasoning") return { reasoning: open, events: [] };
    const events = close({ citations: [], isCut: false });
    const reasoning: OpenReasoning = { kind: "reasoning", id: newItemId("rs", session), blocks: [], shown: null };
    open = reasoning;
    const item = { id: reasoning.id, type: "reasoning" as const, summary: [], encrypted_content: null };
    return { reasoning, events: [...events, { type: "response.output_item.added", ...place(), item }] };
  };

  const summaryPlace = ({ id }: OpenReasoning) => ({ item_id: id, ...place(), summary_index: 0 });

  const close = ({ citations, isCut }: { citations: Citation[]; isCut: boolean }): ItemEvent[] => {
    const closing = open;
    open = null;
    if (closing === null) return [];
    if (closing.kind === "reasoning") return [finish(reasoningOutput(closing.blocks, closing.id))];
    const last = closing.content.at(-1);
    const events = last === undefined ? [] : closeContent(closing, last, citations);
    const status = isCut ? "incomplete" : "completed";
    return [...events, finish(messageOutput(closing.content, { id: closing.id, status }))];
  };

  return {
    text: (delta) => append("output_text", delta),
    refusal: (delta) => append("refusal", delta),
    thinking(delta) {
      // A block after one that has ended is an item of its own.
      const before =
        open?.kind === "reasoning" && open.shown === null && open.blocks.length > 0
          ? close({ citations: [], isCut: false })
          : [];
      const { reasoning, events } = openReasoning();
      if (reasoning.shown === null) {
        const part = { type: "summary_text", text: "" };
        events.push({ type: "response.reasoning_summary_part.added", ...summaryPlace(reasoning), part });
      }
      reasoning.shown = (reasoning.shown ?? "") + delta;
      return [
        ...before,
        ...events,
        { type: "response.reasoning_summary_text.delta", ...summaryPlace(reasoning), delta },
      ];
    },
    endThinking(block) {
      const isNew =
        open?.kind === "reasoning" && open.shown === null && open.blocks.length > 0 && !belongsTo(open.blocks, block);
      const before = isNew ? close({ citations: [], isCut: false }) : [];
      const { reasoning, events } = openReasoning();
      if (reasoning.shown !== null) {
        const text = reasoning.shown;
        const part = { type: "summary_text", text };
        events.push(
          { type: "response.reasoning_summary_text.done", ...summaryPlace(reasoning), text },
          { type: "response.reasoning_summary_part.done", ...summaryPlace(reasoning), part },
        );
        reasoning.shown = null;
      }
      reasoning.blocks.push(block);
      return [...before, ...events];
    },
    call(call) {
      const events = close({ citations: [], isCut: false });
      const item = callOutput(call, newItemId("fc", session));
      const where = { item_id: item.id, ...place() };
      return [
        ...events,
        { type: "response.output_item.added", ...place(), item: { ...item, status: "in_progress", arguments: "" } },
        { type: "response.function_call_arguments.delta", ...where, delta: item.arguments },
        { type: "response.function_call_arguments.done", ...where, name: item.name, arguments: item.arguments },
        finish(item),
      ];
    },
    logprobs(content) {
      tokens = [...tokens, ...content];
    },
    end: close,
    items: () => [...done],
  };
}
