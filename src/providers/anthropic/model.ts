import type { ThinkingBlock } from "../../core/chat.ts";
import { systemClock, type Clock } from "../../core/clock.ts";
import { AppError } from "../../core/errors.ts";
import { newId } from "../../core/ids.ts";
import type { ChatModel, ChatResult, EmbeddingModel, ModelCall, StreamPart } from "../../core/model.ts";
import { watchCall, type CallWatch, type Timeouts } from "../call-watch.ts";
import { unreadable } from "../openai-compatible/map-error.ts";
import { readErrorText, readText } from "../read-body.ts";
import { readParts } from "../read-parts.ts";
import { convertChatRequest } from "./convert-messages.ts";
import { createEventReader } from "./event-reader.ts";
import { mapError, mapErrorBody, mapStatus, type ErrorContext } from "./map-error.ts";
import { mapFinishReason } from "./map-finish-reason.ts";
import { readLimits } from "./read-limits.ts";
import { findError, message, toTokenUsage, type WireMessage } from "./wire.ts";

export interface AnthropicOptions {
  /** As the model cards call the provider. */
  name?: string;
  /** Up to, and without, the `/v1`. */
  baseUrl: string;
  apiKey: string;
  timeouts: Timeouts;
  clock?: Clock;
}

/** The only version of the Messages API there is. */
const apiVersion = "2023-06-01";

/** Claude by Anthropic's own API. Retries are the gateway's: none are made here. */
export function createAnthropic({
  name = "anthropic",
  baseUrl,
  apiKey,
  timeouts,
  clock = systemClock,
}: AnthropicOptions): ChatModel & EmbeddingModel {
  const url = `${baseUrl.replace(/\/+$/, "")}/v1/messages`;
  const context = (): ErrorContext => ({ provider: name, apiKey, nowMs: clock() });

  /** Sends a call, and throws what its status or an error in place of the answer means. */
  const send = async (call: ModelCall, watch: CallWatch, isStream: boolean): Promise<Response> => {
    const body = convertChatRequest({ ...call.request, stream: isStream }, call.card);
    const response = await watch.race(() =>
      fetch(url, {
        method: "POST",
        body: JSON.stringify(body),
        signal: watch.signal,
        // A redirect would take the key and the prompt to a host nobody configured.
        redirect: "manual",
        headers: {
          "content-type": "application/json",
          "x-api-key": apiKey,
          "anthropic-version": apiVersion,
          traceparent: call.traceparent,
        },
      }),
    );
    const limits = readLimits(response.headers, clock());
    if (limits.length > 0) call.onLimits?.(limits);
    if (response.ok) return response;
    const error = readError(await watch.race(() => readErrorText(response)));
    throw mapStatus(response.status, error, { ...context(), headers: response.headers });
  };

  /** Gives every failure of a call its name. */
  const run = async <T>(call: ModelCall, work: (watch: CallWatch) => Promise<T>): Promise<T> => {
    const watch = watchCall({ provider: name, caller: call.signal, timeouts });
    try {
      return await work(watch);
    } catch (cause) {
      const failure = watch.failure() ?? mapError(cause, context());
      watch.abandon();
      throw failure;
    }
  };

  return {
    chat: (call) =>
      run(call, async (watch) => {
        const response = await send(call, watch, false);
        const value: unknown = JSON.parse(await watch.race(() => readText(response, { provider: name })));
        const error = findError(value);
        if (error !== null) throw mapErrorBody(error, context());
        watch.stop();
        return toChatResult(message.parse(value), call.card.name);
      }),

    stream: (call) =>
      run(call, async (watch): Promise<ReadableStream<StreamPart>> => {
        watch.enter("headers");
        const response = await send(call, watch, true);
        const type = response.headers.get("content-type") ?? "";
        if (response.body === null) throw unreadable(name, "a stream without a body");
        if (!type.includes("text/event-stream")) {
          const error = readError(await watch.race(() => readErrorText(response)));
          throw error === null
            ? unreadable(name, `a stream of type ${type.slice(0, 100)}`)
            : mapErrorBody(error, context());
        }
        return readParts({
          provider: name,
          body: response.body,
          parts: createEventReader({
            provider: name,
            model: call.card.name,
            onError: (error) => mapErrorBody(error, context()),
          }),
          watch,
          mapError: (cause) => mapError(cause, context()),
        });
      }),

    embed: (call) =>
      Promise.reject(
        new AppError("unsupported_parameter", `The model ${call.card.id} does not embed: name an embedding model.`, {
          param: "model",
        }),
      ),
  };
}

function readError(text: string) {
  try {
    return findError(JSON.parse(text));
  } catch {
    // A proxy's page, say: the status has to speak for itself.
    return null;
  }
}

/** A message in Anthropic's shape as the gateway's answer. */
export function toChatResult(wire: WireMessage, fallbackModel: string): ChatResult {
  const blocks = wire.content.filter((block) => block !== null);
  const texts = blocks.flatMap((block) => (block.type === "text" ? [block.text] : []));
  const toolCalls = blocks.flatMap((block) =>
    block.type === "tool_use"
      ? [
          {
            id: block.id,
            type: "function" as const,
            function: { name: block.name, arguments: JSON.stringify(block.input ?? {}) },
          },
        ]
      : [],
  );
  const thinking = blocks.flatMap((block): ThinkingBlock[] => {
    if (block.type === "redacted_thinking") return [block];
    return block.type === "thinking" ? [{ ...block, signature: block.signature ?? "" }] : [];
  });
  return {
    id: wire.id || newId("completion"),
    model: wire.model || fallbackModel,
    content: texts.length === 0 ? null : texts.join(""),
    refusal: wire.stop_reason === "refusal" ? (wire.stop_details?.explanation ?? null) : null,
    toolCalls,
    finishReason: mapFinishReason(wire.stop_reason, toolCalls.length > 0),
    ...(wire.stop_sequence ? { stopSequence: wire.stop_sequence } : {}),
    ...(thinking.length === 0 ? {} : { thinking }),
    usage: wire.usage ? toTokenUsage(wire.usage) : null,
  };
}
