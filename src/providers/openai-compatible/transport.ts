import OpenAI, { APIError } from "openai";
import { systemClock, type Clock } from "../../core/clock.ts";
import type { AppError } from "../../core/errors.ts";
import type { ModelCall, StreamPart } from "../../core/model.ts";
import { watchCall, type CallWatch, type Timeouts } from "../call-watch.ts";
import { boundErrorBody, readErrorText, readText } from "../read-body.ts";
import { readParts, type PartReader } from "../read-parts.ts";
import { mapError, mapErrorBody, unreadable, type ErrorContext } from "./map-error.ts";
import { readLimits } from "./read-limits.ts";
import { findError, type WireError } from "./wire.ts";

export interface TransportOptions {
  /** As the model cards call the provider. */
  name: string;
  /** Up to and including the `/v1`. */
  baseUrl: string;
  /** `null` for a server that asks for none: no header is sent. */
  apiKey: string | null;
  timeouts: Timeouts;
  clock?: Clock;
  /** For an interface with error codes of its own: in the words of chat completions, before they are classed. */
  renameError?: (error: WireError) => WireError;
}

type CallFacts = Pick<ModelCall, "signal" | "traceparent" | "onLimits">;

/** Calls to a server with one of OpenAI's interfaces, watched and with every failure named. Nothing is retried here. */
export interface Transport {
  /** A call that answers in one piece. `parse` may throw what the answer reveals. */
  ask<T>(
    call: CallFacts,
    path: string,
    body: Record<string, unknown>,
    parse: (value: unknown) => T,
    /** Where an answer may be longer, or must be shorter, than a model's words. */
    limit?: { maxBytes?: number },
  ): Promise<T>;
  /** A call that is answered by a stream; resolves once the provider has accepted it. */
  openStream(
    call: CallFacts,
    path: string,
    body: Record<string, unknown>,
    parts: PartReader,
  ): Promise<ReadableStream<StreamPart>>;
  /** What an error object means that came with HTTP 200. */
  mapBody(error: WireError): AppError;
}

export function createTransport(options: TransportOptions): Transport {
  const { name, apiKey, timeouts, clock = systemClock, renameError = (error) => error } = options;
  const client = createClient(options);
  const context = (): ErrorContext => ({ provider: name, apiKey, nowMs: clock() });
  const watchFor = (call: { signal: AbortSignal }) => watchCall({ provider: name, caller: call.signal, timeouts });

  const send = async (
    path: string,
    body: Record<string, unknown>,
    { watch, traceparent, onLimits }: Pick<CallFacts, "traceparent" | "onLimits"> & { watch: CallWatch },
  ) => {
    const hear = (headers: Headers) => onLimits?.(readLimits(headers, clock()));
    try {
      const response = await watch.race(() =>
        client.post(path, { body, signal: watch.signal, headers: { traceparent } }).asResponse(),
      );
      hear(response.headers);
      return response;
    } catch (cause) {
      if (cause instanceof APIError && cause.headers !== undefined) hear(cause.headers);
      throw cause;
    }
  };

  return {
    async ask(call, path, body, parse, limit = {}) {
      const watch = watchFor(call);
      try {
        const response = await send(path, body, { ...call, watch });
        const value: unknown = JSON.parse(await watch.race(() => readText(response, { provider: name, ...limit })));
        const error = findError(value);
        if (error !== null) throw mapErrorBody(renameError(error), context());
        return parse(value);
      } catch (cause) {
        throw watch.failure() ?? mapError(cause, context());
      } finally {
        watch.stop();
      }
    },

    async openStream(call, path, body, parts) {
      const watch = watchFor(call);
      try {
        watch.enter("headers");
        const response = await send(path, body, { ...call, watch });
        return readParts({
          provider: name,
          body: await eventBody(response, watch, context()),
          parts,
          watch,
          mapError: (cause) => mapError(cause, context()),
        });
      } catch (cause) {
        const failure = watch.failure() ?? mapError(cause, context());
        watch.abandon();
        throw failure;
      }
    },

    mapBody: (error) => mapErrorBody(renameError(error), context()),
  };
}

function createClient({ baseUrl, apiKey, timeouts }: TransportOptions): OpenAI {
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
    fetch: async (url, init) => boundErrorBody(await fetch(url, { ...init, redirect: "manual" })),
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
  const text = await watch.race(() => readErrorText(response));
  const error = type.includes("json") ? findError(JSON.parse(text)) : null;
  throw error === null
    ? unreadable(context.provider, `a stream of type ${type.slice(0, 100)}`)
    : mapErrorBody(error, context);
}
