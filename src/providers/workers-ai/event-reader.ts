import { newId } from "../../core/ids.ts";
import type { StreamPart } from "../../core/model.ts";
import type { TokenUsage } from "../../core/money.ts";
import { createChunkReader } from "../openai-compatible/chunk-reader.ts";
import type { StreamEvent } from "../event-stream.ts";
import { incomplete, type PartReader } from "../read-parts.ts";
import { mapErrorText } from "./map-error.ts";
import { inferFinishReason } from "./map-finish-reason.ts";
import { classicOutput, findErrorText } from "./wire.ts";

export interface EventReaderOptions {
  provider: string;
  model: string;
  maxTokens: number | null;
  nowMs(): number;
}

/**
 * Reads Workers AI's events in either shape: OpenAI's chunks, complete with a finish reason; or the classic
 * `{"response": "…"}`, which has none, so that its `[DONE]` is what completes it.
 */
export function createEventReader({ provider, model, maxTokens, nowMs }: EventReaderOptions): PartReader {
  const chunks = createChunkReader({
    provider,
    model,
    onError: (error) => mapErrorText(error.message ?? "", { nowMs: nowMs() }),
  });
  let isClassic = false;
  let isDone = false;
  let callCount = 0;
  let usage: TokenUsage | null = null;

  const readClassic = (value: unknown): StreamPart[] => {
    const output = classicOutput.parse(value);
    const parts: StreamPart[] = isClassic ? [] : [{ type: "start", id: newId("completion"), model }];
    isClassic = true;
    usage = output.usage ?? usage;
    if (output.response !== null && output.response !== "") parts.push({ type: "text-delta", text: output.response });
    for (const call of output.tool_calls ?? []) {
      const { name, arguments: text } = call.function;
      parts.push({ type: "tool-call-delta", index: callCount++, id: call.id, name, arguments: text });
    }
    return parts;
  };

  return {
    read({ name, data }: StreamEvent) {
      if (data === "[DONE]") {
        isDone = true;
        return [];
      }
      const value: unknown = JSON.parse(data);
      const error = findErrorText(value);
      if (error !== null || name === "error") throw mapErrorText(error ?? "", { nowMs: nowMs() });
      return isChunk(value) ? chunks.readChunk(value) : readClassic(value);
    },
    isDone: () => isDone,
    end() {
      if (!isClassic) return chunks.end();
      if (!isDone) throw incomplete(provider, "broke off its answer before it was finished");
      const finish: StreamPart = {
        type: "finish",
        reason: inferFinishReason({ usage, hasToolCalls: callCount > 0, maxTokens }),
      };
      return usage === null ? [finish] : [finish, { type: "usage", usage }];
    },
  };
}

function isChunk(value: unknown): boolean {
  return value !== null && typeof value === "object" && "choices" in value;
}
