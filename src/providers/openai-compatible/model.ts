import OpenAI from "openai";
import { newId } from "../../core/ids.ts";
import type {
  ChatModel,
  ChatResult,
  EmbeddingCall,
  EmbeddingModel,
  EmbeddingResult,
  ModelCall,
  StreamPart,
} from "../../core/model.ts";
import { systemClock, type Clock } from "../../core/clock.ts";
import { watchCall, type CallWatch, type Timeouts } from "../call-watch.ts";
import { newCallId } from "../new-call-id.ts";
import { readParts } from "../read-parts.ts";
import { createChunkReader } from "./chunk-reader.ts";
import { convertChatRequest, type Dialect } from "./convert-messages.ts";
import { mapError, mapErrorBody, unreadable, type ErrorContext } from "./map-error.ts";
import { mapFinishReason } from "./map-finish-reason.ts";
import { chatCompletion, embeddingList, findError, toTokenUsage, type WireCompletion } from "./wire.ts";

export interface OpenAICompatibleOptions {
  /** As the model cards call the provider. */
  name: string;
  /** Up to and including the `/v1`. */
  baseUrl: string;
  /** `null` for a server that asks for none: no header is sent. */
  apiKey: string | null;
  timeouts: Timeouts;
  /** Unless told otherwise, the provider named `openai` speaks OpenAI's own dialect and every other the common one. */
  dialect?: Dialect;
  clock?: Clock;
}

/** The chat and embedding models of a server with OpenAI's interface. Retries are the gateway's: none are made here. */
export function createOpenAICompatible(options: OpenAICompatibleOptions): ChatModel & EmbeddingModel {
  const { name, apiKey, timeouts, clock = systemClock } = options;
  const dialect = options.dialect ?? (name === "openai" ? "openai" : "compatible");
  const client = createClient(options);
  const context = (): ErrorContext => ({ provider: name, apiKey, nowMs: clock() });

  const watchFor = (call: { signal: AbortSignal }) => watchCall({ provider: name, caller: call.signal, timeouts });
  const send = (
    path: string,
    body: Record<string, unknown>,
    { watch, traceparent }: { watch: CallWatch; traceparent: string },
  ) => watch.race(() => client.post(path, { body, signal: watch.signal, headers: { traceparent } }).asResponse());

  /** Runs a call that answers in one piece, and gives every failure its name. */
  const ask = async <T>(
    call: { signal: AbortSignal; traceparent: string },
    path: string,
    body: Record<string, unknown>,
    parse: (value: unknown) => T,
  ): Promise<T> => {
    const watch = watchFor(call);
    try {
      const response = await send(path, body, { watch, traceparent: call.traceparent });
      const value: unknown = JSON.parse(await watch.race(() => response.text()));
      const error = findError(value);
      if (error !== null) throw mapErrorBody(error, context());
      return parse(value);
    } catch (cause) {
      throw watch.failure() ?? mapError(cause, context());
    } finally {
      watch.stop();
    }
  };

  return {
    chat(call: ModelCall): Promise<ChatResult> {
      const body = convertChatRequest({ ...call.request, stream: false }, call.card, dialect);
      return ask(call, "/chat/completions", body, (value) => toChatResult(chatCompletion.parse(value), call.card.name));
    },

    async stream(call: ModelCall): Promise<ReadableStream<StreamPart>> {
      const body = convertChatRequest({ ...call.request, stream: true }, call.card, dialect);
      const watch = watchFor(call);
      try {
        watch.enter("headers");
        const response = await send("/chat/completions", body, { watch, traceparent: call.traceparent });
        return readParts({
          provider: name,
          body: await eventBody(response, watch, context()),
          parts: createChunkReader({
            provider: name,
            model: call.card.name,
            onError: (error) => mapErrorBody(error, context()),
          }),
          watch,
          mapError: (cause) => mapError(cause, context()),
        });
      } catch (cause) {
        const failure = watch.failure() ?? mapError(cause, context());
        watch.abandon();
        throw failure;
      }
    },

    embed(call: EmbeddingCall): Promise<EmbeddingResult> {
      const body = {
        model: call.card.name,
        input: call.inputs,
        // The package would otherwise ask for base64, which not every server speaks.
        encoding_format: "float",
        ...(call.dimensions === undefined ? {} : { dimensions: call.dimensions }),
      };
      return ask(call, "/embeddings", body, (value) => {
        const list = embeddingList.parse(value);
        const vectors = list.data.toSorted((a, b) => a.index - b.index).map((item) => item.embedding);
        if (vectors.length !== call.inputs.length) {
          throw unreadable(name, `${vectors.length} vectors for ${call.inputs.length} inputs`);
        }
        return { model: list.model || call.card.name, vectors, usage: list.usage ? toTokenUsage(list.usage) : null };
      });
    },
  };
}

function createClient({ baseUrl, apiKey, timeouts }: OpenAICompatibleOptions): OpenAI {
  return new OpenAI({
    baseURL: baseUrl,
    // The package insists on a key; the header below takes it away again.
    apiKey: apiKey ?? "none",
    // Set, so that none of them is read from the environment.
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    timeout: timeouts.totalMs,
    // At its other levels the package logs bodies.
    logLevel: "off",
    ...(apiKey === null ? { defaultHeaders: { authorization: null } } : {}),
    // A redirect would take the key and the prompt to a host nobody configured.
    fetch: (url, init) => fetch(url, { ...init, redirect: "manual" }),
  });
}

/** The body of a response that must be an event stream. */
async function eventBody(
  response: Response,
  watch: CallWatch,
  context: ErrorContext,
): Promise<ReadableStream<Uint8Array>> {
  const type = response.headers.get("content-type") ?? "";
  if (response.body === null) throw unreadable(context.provider, "a stream without a body");
  if (!/html|application\/json/i.test(type)) return response.body;
  const text = await watch.race(() => response.text());
  const error = type.includes("json") ? findError(JSON.parse(text)) : null;
  throw error === null
    ? unreadable(context.provider, `a stream of type ${type.slice(0, 100)}`)
    : mapErrorBody(error, context);
}

/** A completion in OpenAI's shape as the gateway's. */
export function toChatResult(completion: WireCompletion, fallbackModel: string): ChatResult {
  const choice = completion.choices[0];
  const calls = choice?.message.tool_calls ?? [];
  return {
    id: completion.id || newId("completion"),
    model: completion.model || fallbackModel,
    content: choice?.message.content ?? null,
    refusal: choice?.message.refusal ?? null,
    toolCalls: calls.map((call) => ({
      id: call.id || newCallId(),
      type: "function",
      function: { name: call.function.name, arguments: call.function.arguments ?? "{}" },
    })),
    finishReason: mapFinishReason(choice?.finish_reason ?? null, calls.length > 0),
    usage: completion.usage ? toTokenUsage(completion.usage) : null,
  };
}
