import type { FinishReason, ThinkingBlock } from "../../core/chat.ts";
import { newId } from "../../core/ids.ts";
import type { StreamPart } from "../../core/model.ts";
import type { StreamEvent } from "../event-stream.ts";
import { incomplete, type PartReader } from "../read-parts.ts";
import { mapFinishReason } from "./map-finish-reason.ts";
import {
  findError,
  knownEvents,
  mergeUsage,
  streamEvent,
  toTokenUsage,
  type WireBlock,
  type WireError,
  type WireEvent,
  type WireUsage,
} from "./wire.ts";

export interface EventReaderOptions {
  provider: string;
  /** What the answer is called where the provider does not say. */
  model: string;
  onError(error: WireError): Error;
}

/** A content block that is being streamed. */
type OpenBlock = { kind: "thinking"; block: ThinkingBlock } | { kind: "tool"; call: number; isEmpty: boolean };

/** Reads Anthropic's events. The stream is complete only if a stop reason was seen. */
export function createEventReader({ provider, model, onError }: EventReaderOptions): PartReader {
  const open = new Map<number, OpenBlock>();
  let callCount = 0;
  let isDone = false;
  let stopReason: string | null = null;
  let stopSequence: string | null = null;
  let usage: WireUsage | null = null;

  const startBlock = (index: number, block: WireBlock | null): StreamPart[] => {
    switch (block?.type) {
      case undefined:
        return [];
      case "text":
        return block.text === "" ? [] : [{ type: "text-delta", text: block.text }];
      case "redacted_thinking":
        return [{ type: "thinking-end", block }];
      case "thinking": {
        const signature = block.signature ?? "";
        open.set(index, { kind: "thinking", block: { type: "thinking", thinking: block.thinking, signature } });
        return block.thinking === "" ? [] : [{ type: "thinking-delta", text: block.thinking }];
      }
      case "tool_use": {
        const call = callCount++;
        const whole = hasKeys(block.input) ? JSON.stringify(block.input) : "";
        open.set(index, { kind: "tool", call, isEmpty: whole === "" });
        return [{ type: "tool-call-delta", index: call, id: block.id, name: block.name, arguments: whole }];
      }
    }
  };

  const addDelta = ({ index, delta }: Extract<WireEvent, { type: "content_block_delta" }>): StreamPart[] => {
    const block = open.get(index);
    switch (delta?.type) {
      case undefined:
        return [];
      case "text_delta":
        return delta.text === "" ? [] : [{ type: "text-delta", text: delta.text }];
      case "thinking_delta":
        if (block?.kind === "thinking" && block.block.type === "thinking") block.block.thinking += delta.thinking;
        return delta.thinking === "" ? [] : [{ type: "thinking-delta", text: delta.thinking }];
      case "signature_delta":
        if (block?.kind === "thinking" && block.block.type === "thinking")
          block.block.signature = (block.block.signature ?? "") + delta.signature;
        return [];
      case "input_json_delta":
        if (block?.kind !== "tool" || delta.partial_json === "") return [];
        block.isEmpty = false;
        return [{ type: "tool-call-delta", index: block.call, arguments: delta.partial_json }];
    }
  };

  const stopBlock = (index: number): StreamPart[] => {
    const block = open.get(index);
    open.delete(index);
    if (block?.kind === "thinking") return [{ type: "thinking-end", block: block.block }];
    // A call without arguments streams none; as JSON it has an empty object.
    if (block?.kind === "tool" && block.isEmpty)
      return [{ type: "tool-call-delta", index: block.call, arguments: "{}" }];
    return [];
  };

  const readEvent = (event: WireEvent): StreamPart[] => {
    switch (event.type) {
      case "message_start":
        usage = mergeUsage(usage, event.message.usage);
        return [{ type: "start", id: event.message.id || newId("completion"), model: event.message.model || model }];
      case "content_block_start":
        return startBlock(event.index, event.content_block);
      case "content_block_delta":
        return addDelta(event);
      case "content_block_stop":
        return stopBlock(event.index);
      case "message_delta": {
        usage = mergeUsage(usage, event.usage);
        stopReason = event.delta.stop_reason ?? stopReason;
        stopSequence = event.delta.stop_sequence ?? stopSequence;
        const said = event.delta.stop_reason === "refusal" ? event.delta.stop_details?.explanation : null;
        return said ? [{ type: "refusal-delta", text: said }] : [];
      }
      case "message_stop":
        isDone = true;
        return [];
    }
  };

  return {
    read({ name, data }: StreamEvent) {
      const value: unknown = JSON.parse(data);
      const error = findError(value);
      if (error !== null || name === "error") throw onError(error ?? {});
      // `ping`, and whatever Anthropic's versioning policy lets it add.
      return isKnown(value) ? readEvent(streamEvent.parse(value)) : [];
    },
    isDone: () => isDone,
    end() {
      if (stopReason === null) throw incomplete(provider, "broke off its answer before it was finished");
      const reason: FinishReason = mapFinishReason(stopReason, callCount > 0);
      return [
        { type: "finish", reason, ...(stopSequence === null ? {} : { stopSequence }) },
        ...(usage === null ? [] : [{ type: "usage" as const, usage: toTokenUsage(usage) }]),
      ];
    },
  };
}

function isKnown(value: unknown): boolean {
  const type = value !== null && typeof value === "object" && "type" in value ? value.type : null;
  return typeof type !== "string" || knownEvents.has(type);
}

function hasKeys(input: unknown): boolean {
  return input !== null && typeof input === "object" && Object.keys(input).length > 0;
}
