import { systemClock, type Clock } from "../../core/clock.ts";
import type {
  ChatModel,
  ChatResult,
  EmbeddingCall,
  EmbeddingModel,
  EmbeddingResult,
  ModelCall,
  StreamPart,
} from "../../core/model.ts";
import type { ThinkingBlock } from "../../core/chat.ts";
import { watchCall, type CallWatch, type Timeouts } from "../call-watch.ts";
import { unreadable } from "../openai-compatible/map-error.ts";
import { maxVectorBytes, readErrorText, readText } from "../read-body.ts";
import { readParts } from "../read-parts.ts";
import { convertChatRequest } from "./convert-messages.ts";
import { createEventReader } from "./event-reader.ts";
import { mapError, mapFailure, type ErrorContext } from "./map-error.ts";
import { batchEmbedContentsResponse, findError } from "./wire.ts";

export interface GoogleOptions {
  /** Up to and including the `/v1beta`. */
  baseUrl: string;
  apiKey: string;
  timeouts: Timeouts;
  clock?: Clock;
}

const provider = "google";
/** "BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch". */
const maxTextsPerCall = 100;

/** Gemini's chat and embedding models by Google's own API. Retries are the gateway's: none are made here. */
export function createGoogle({
  baseUrl,
  apiKey,
  timeouts,
  clock = systemClock,
}: GoogleOptions): ChatModel & EmbeddingModel {
  const context = (): ErrorContext => ({ provider, apiKey, nowMs: clock() });

  /** Posts to a method of a model; what is no success is thrown as what it means. */
  const send = async (
    { card, traceparent }: { card: { name: string }; traceparent: string },
    method: string,
    { body, watch }: { body: Record<string, unknown>; watch: CallWatch },
  ): Promise<Response> => {
    // Encoded: a `#` or `/` in a name must not lead elsewhere.
    const url = `${baseUrl}/models/${encodeURIComponent(card.name)}:${method}`;
    const response = await watch.race(() =>
      fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", "x-goog-api-key": apiKey, traceparent },
        body: JSON.stringify(body),
        signal: watch.signal,
        // A redirect would take the key and the prompt to a host nobody configured.
        redirect: "manual",
      }),
    );
    if (response.ok) return response;
    const text = await watch.race(() => readErrorText(response));
    throw mapFailure(response.status, readError(text), { ...context(), headers: response.headers });
  };

  /** Runs a call, and gives every failure its name. */
  const run = async <T>(call: { signal: AbortSignal }, work: (watch: CallWatch) => Promise<T>): Promise<T> => {
    const watch = watchCall({ provider, caller: call.signal, timeouts });
    try {
      return await work(watch);
    } catch (cause) {
      const failure = watch.failure() ?? mapError(cause, context());
      watch.abandon();
      throw failure;
    }
  };

  const readerFor = (call: ModelCall) =>
    createEventReader({
      provider,
      model: call.card.name,
      withSignature: call.request.thinking != null && call.request.thinking.type !== "disabled",
      onError: (error) => mapFailure(200, error, { ...context(), headers: null }),
    });

  return {
    chat: (call: ModelCall): Promise<ChatResult> =>
      run(call, async (watch) => {
        const body = convertChatRequest(call.request, call.card);
        const response = await send(call, "generateContent", { body, watch });
        const value: unknown = JSON.parse(await watch.race(() => readText(response, { provider })));
        const reader = readerFor(call);
        const result = toResult([...reader.readResponse(value), ...reader.end()]);
        watch.stop();
        return result;
      }),

    stream: (call: ModelCall): Promise<ReadableStream<StreamPart>> =>
      run(call, async (watch) => {
        watch.enter("headers");
        const body = convertChatRequest(call.request, call.card);
        const response = await send(call, "streamGenerateContent?alt=sse", { body, watch });
        const type = response.headers.get("content-type") ?? "";
        if (response.body === null) throw unreadable(provider, "a stream without a body");
        if (/html|application\/json/i.test(type)) {
          const error = type.includes("json") ? readError(await watch.race(() => readErrorText(response))) : null;
          throw error === null
            ? unreadable(provider, `a stream of type ${type.slice(0, 100)}`)
            : mapFailure(200, error, { ...context(), headers: null });
        }
        return readParts({
          provider,
          body: response.body,
          parts: readerFor(call),
          watch,
          mapError: (cause) => mapError(cause, context()),
        });
      }),

    embed: (call: EmbeddingCall): Promise<EmbeddingResult> =>
      run(call, async (watch) => {
        const vectors: number[][] = [];
        let inputTokens: number | null = 0;
        for (let start = 0; start < call.inputs.length; start += maxTextsPerCall) {
          const texts = call.inputs.slice(start, start + maxTextsPerCall);
          const response = await send(call, "batchEmbedContents", { body: toBatch(texts, call), watch });
          const batch = batchEmbedContentsResponse.parse(
            JSON.parse(
              await watch.race(() => readText(response, { provider, maxBytes: maxVectorBytes(texts.length) })),
            ),
          );
          if (batch.embeddings.length !== texts.length)
            throw unreadable(provider, `${batch.embeddings.length} vectors for ${texts.length} texts`);
          vectors.push(
            ...batch.embeddings.map(({ values }) => (call.dimensions === undefined ? values : toUnitLength(values))),
          );
          const counted = batch.usageMetadata?.promptTokenCount;
          // One batch without a count leaves the whole uncounted: half a count would be a wrong one.
          inputTokens = inputTokens === null || counted === undefined ? null : inputTokens + counted;
        }
        watch.stop();
        const usage =
          inputTokens === null
            ? null
            : { inputTokens, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, estimated: false };
        return { model: call.card.name, vectors, usage };
      }),
  };
}

function toBatch(texts: readonly string[], { card, dimensions }: EmbeddingCall): Record<string, unknown> {
  return {
    requests: texts.map((text) => ({
      model: `models/${card.name}`,
      content: { parts: [{ text }] },
      ...(dimensions === undefined ? {} : { outputDimensionality: dimensions }),
    })),
  };
}

/** gemini-embedding-001 leaves shortened vectors longer or shorter than 1 (ai.google.dev/gemini-api/docs/embeddings). */
function toUnitLength(values: number[]): number[] {
  const length = Math.hypot(...values);
  return length === 0 ? values : values.map((value) => value / length);
}

/** The error in a body, or `null` where it holds none, or is no JSON. */
function readError(text: string): ReturnType<typeof findError> {
  try {
    return findError(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The parts of a whole answer, put together. */
function toResult(parts: readonly StreamPart[]): ChatResult {
  const result: ChatResult = {
    id: "",
    model: "",
    content: null,
    refusal: null,
    toolCalls: [],
    finishReason: "stop",
    usage: null,
  };
  const thinking: ThinkingBlock[] = [];
  for (const part of parts) {
    if (part.type === "start") Object.assign(result, { id: part.id, model: part.model });
    if (part.type === "text-delta") result.content = (result.content ?? "") + part.text;
    if (part.type === "tool-call-delta") {
      result.toolCalls.push({
        id: part.id ?? "",
        type: "function",
        function: { name: part.name ?? "", arguments: part.arguments },
        ...(part.extraContent === undefined ? {} : { extra_content: part.extraContent }),
      });
    }
    if (part.type === "thinking-end") thinking.push(part.block);
    if (part.type === "logprobs") result.logprobs = [...(result.logprobs ?? []), ...part.content];
    if (part.type === "finish") result.finishReason = part.reason;
    if (part.type === "usage") result.usage = part.usage;
  }
  return thinking.length === 0 ? result : { ...result, thinking };
}
