import { z } from "zod";
import type { ThinkingBlock } from "../../core/chat.ts";
import type { StreamPart } from "../../core/model.ts";
import { sealOpenaiReasoning } from "../../core/sealed-reasoning.ts";
import type { StreamEvent } from "../event-stream.ts";
import { wireError, type WireError } from "../openai-compatible/wire.ts";
import { incomplete, type PartReader } from "../read-parts.ts";
import { mapFinishReason } from "./map-finish-reason.ts";
import {
  outputContent,
  outputItem,
  responseBody,
  toTokenUsage,
  type WireReasoning,
  type WireResponse,
} from "./wire.ts";

export interface EventReaderOptions {
  provider: string;
  /** What the answer is called where the provider does not say. */
  model: string;
  onError(error: WireError): Error;
}

const position = { output_index: z.int().min(0) };
const deltaEvent = z.object({ ...position, delta: z.string() });
const summaryEvent = z.object({ ...position, summary_index: z.int().min(0), delta: z.string() });
const itemEvent = z.object({ ...position, item: outputItem });
const partEvent = z.object({ ...position, part: outputContent });
const responseEvent = z.object({ response: responseBody });
/** As it is documented, flat, and as it is sent, with the error inside. */
const errorEvent = z.looseObject({ error: wireError.nullish() });
const anyEvent = z.looseObject({ type: z.string() });

/** Between two messages, and two paragraphs of a summary, of one answer. */
export const itemSeparator = "\n\n";

/** Reads the events of a response. The stream is complete only if the response was completed, or cut at a named limit. */
export function createEventReader({ provider, model, onError }: EventReaderOptions): PartReader {
  /** By output index: the number of the call, and whether its arguments came in pieces. */
  const calls = new Map<number, { index: number; hasArguments: boolean }>();
  let hasMessage = false;
  let shownSummary: { item: number; part: number; text: string } | null = null;
  let last: WireResponse | null = null;

  const openItem = (event: z.infer<typeof itemEvent>): StreamPart[] => {
    const { item } = event;
    if (item.type === "message") {
      const parts: StreamPart[] = hasMessage ? [{ type: "text-delta", text: itemSeparator }] : [];
      hasMessage = true;
      return parts;
    }
    if (item.type !== "function_call") return [];
    const index = calls.size;
    calls.set(event.output_index, { index, hasArguments: item.arguments !== "" });
    return [{ type: "tool-call-delta", index, id: item.call_id, name: item.name, arguments: item.arguments }];
  };

  const closeItem = (event: z.infer<typeof itemEvent>): StreamPart[] => {
    const { item } = event;
    if (item.type === "reasoning") {
      const shown = shownSummary?.item === event.output_index ? shownSummary.text : null;
      shownSummary = null;
      return thinkingOf(item, shown).map((block) => ({ type: "thinking-end", block }));
    }
    const call = calls.get(event.output_index);
    if (item.type !== "function_call") return [];
    if (call === undefined) return openItem(event);
    return call.hasArguments || item.arguments === ""
      ? []
      : [{ type: "tool-call-delta", index: call.index, arguments: item.arguments }];
  };

  const summarise = ({
    output_index: item,
    summary_index: part,
    delta,
  }: z.infer<typeof summaryEvent>): StreamPart[] => {
    const before = shownSummary?.item === item ? shownSummary : { item, part, text: "" };
    const text = before.part === part ? delta : itemSeparator + delta;
    shownSummary = { item, part, text: before.text + text };
    return [{ type: "thinking-delta", text }];
  };

  const readEvent = (value: unknown): StreamPart[] => {
    const { type } = anyEvent.parse(value);
    switch (type) {
      case "response.created": {
        const { response } = responseEvent.parse(value);
        return [{ type: "start", id: response.id, model: response.model || model }];
      }
      case "response.output_item.added":
        return openItem(itemEvent.parse(value));
      case "response.output_item.done":
        return closeItem(itemEvent.parse(value));
      case "response.output_text.delta":
        return [{ type: "text-delta", text: deltaEvent.parse(value).delta }];
      case "response.refusal.delta":
        return [{ type: "refusal-delta", text: deltaEvent.parse(value).delta }];
      case "response.reasoning_summary_text.delta":
        return summarise(summaryEvent.parse(value));
      case "response.function_call_arguments.delta": {
        const event = deltaEvent.parse(value);
        const call = calls.get(event.output_index);
        if (call === undefined) throw onError({ message: "arguments of no call" });
        call.hasArguments = true;
        return [{ type: "tool-call-delta", index: call.index, arguments: event.delta }];
      }
      case "response.content_part.done": {
        const { part } = partEvent.parse(value);
        return part.type === "output_text" && part.logprobs?.length
          ? [{ type: "logprobs", content: part.logprobs }]
          : [];
      }
      case "response.completed":
      case "response.incomplete":
        last = responseEvent.parse(value).response;
        return [];
      case "response.failed":
        throw onError(responseEvent.parse(value).response.error ?? {});
      default:
        // What is documented later, and what only hosted tools send.
        return [];
    }
  };

  return {
    read({ name, data }: StreamEvent) {
      if (data === "[DONE]") return [];
      const value: unknown = JSON.parse(data);
      const fault = errorEvent.safeParse(value);
      const isError = name === "error" || (fault.success && (fault.data["type"] === "error" || fault.data.error));
      if (isError) throw onError((fault.success && fault.data.error) || (wireError.safeParse(value).data ?? {}));
      return readEvent(value);
    },
    isDone: () => last !== null,
    end() {
      const reason = last === null ? null : mapFinishReason(last, calls.size > 0);
      if (last === null || reason === null) throw incomplete(provider, "broke off its answer before it was finished");
      const parts: StreamPart[] = [{ type: "finish", reason }];
      if (last.usage) parts.push({ type: "usage", usage: toTokenUsage(last.usage) });
      return parts;
    },
  };
}

/** A reasoning item as blocks: its summary, as it was shown, and what only OpenAI can read. */
export function thinkingOf(item: WireReasoning, shown: string | null = null): ThinkingBlock[] {
  const summary = shown ?? item.summary.map(({ text }) => text).join(itemSeparator);
  return [
    ...(summary === "" ? [] : [{ type: "thinking" as const, thinking: summary }]),
    ...(item.encrypted_content ? [sealOpenaiReasoning(item.encrypted_content)] : []),
  ];
}
