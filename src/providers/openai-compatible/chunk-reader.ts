import { newId } from "../../core/ids.ts";
import type { StreamPart } from "../../core/model.ts";
import type { StreamEvent } from "../event-stream.ts";
import { newCallId } from "../new-call-id.ts";
import { incomplete, type PartReader } from "../read-parts.ts";
import { mapFinishReason } from "./map-finish-reason.ts";
import { chatChunk, findError, toTokenUsage, type WireChunk, type WireError, type WireUsage } from "./wire.ts";

export interface ChunkReaderOptions {
  provider: string;
  /** What the answer is called where the provider does not say. */
  model: string;
  onError(error: WireError): Error;
}

/** A block of thinking is handed on whole at its end; no model's is nearly as long. */
const maxThinkingCharacters = 4_000_000;

/** Reads OpenAI's chunks. The stream is complete only if a finish reason was seen: `[DONE]` alone proves nothing. */
export function createChunkReader({
  provider,
  model,
  onError,
}: ChunkReaderOptions): PartReader & { readChunk(value: unknown): StreamPart[] } {
  const calls = new Set<number>();
  let isStarted = false;
  let isDone = false;
  let finish: string | null = null;
  let usage: WireUsage | null = null;
  let thinking = "";

  const endThinking = (): StreamPart[] => {
    if (thinking === "") return [];
    const block = { type: "thinking", thinking } as const;
    thinking = "";
    return [{ type: "thinking-end", block }];
  };

  const readChunk = (value: unknown): StreamPart[] => {
    const error = findError(value);
    if (error !== null) throw onError(error);
    const chunk = chatChunk.parse(value);
    const parts: StreamPart[] = [];
    if (!isStarted) {
      isStarted = true;
      parts.push({ type: "start", id: chunk.id || newId("completion"), model: chunk.model || model });
    }
    // Some servers count on every chunk: the last count is the one that holds.
    usage = chunk.usage ?? usage;
    const choice = chunk.choices?.find((candidate) => (candidate.index ?? 0) === 0);
    if (choice === undefined) return parts;
    const { delta } = choice;
    const thought = delta?.reasoning_content ?? delta?.reasoning;
    if (thought) {
      thinking += thought;
      if (thinking.length > maxThinkingCharacters) throw onError({ message: "thinks without end" });
      parts.push({ type: "thinking-delta", text: thought });
    }
    // The first word of the answer ends the thinking.
    if (delta?.content || delta?.refusal || delta?.tool_calls?.length) parts.push(...endThinking());
    if (delta?.content) parts.push({ type: "text-delta", text: delta.content });
    if (choice.logprobs?.content?.length) parts.push({ type: "logprobs", content: choice.logprobs.content });
    if (delta?.refusal) parts.push({ type: "refusal-delta", text: delta.refusal });
    parts.push(...toolParts(delta, calls));
    finish = choice.finish_reason ?? finish;
    return parts;
  };

  return {
    readChunk,
    read({ name, data }: StreamEvent) {
      if (data === "[DONE]") {
        isDone = true;
        return [];
      }
      const value: unknown = JSON.parse(data);
      if (name === "error") throw onError(findError(value) ?? {});
      return readChunk(value);
    },
    isDone: () => isDone,
    end() {
      if (finish === null) throw incomplete(provider, "broke off its answer before it was finished");
      const parts: StreamPart[] = [
        ...endThinking(),
        { type: "finish", reason: mapFinishReason(finish, calls.size > 0) },
      ];
      if (usage !== null) parts.push({ type: "usage", usage: toTokenUsage(usage) });
      return parts;
    },
  };
}

type Delta = NonNullable<NonNullable<WireChunk["choices"]>[number]["delta"]>;

function toolParts(delta: Delta | null | undefined, calls: Set<number>): StreamPart[] {
  return (delta?.tool_calls ?? []).map((call, position) => {
    const index = call.index ?? position;
    const isNew = !calls.has(index);
    calls.add(index);
    const id = call.id || (isNew ? newCallId() : "");
    return {
      type: "tool-call-delta",
      index,
      ...(isNew && id !== "" ? { id } : {}),
      ...(call.function?.name ? { name: call.function.name } : {}),
      arguments: call.function?.arguments ?? "",
    };
  });
}
