import { systemClock, type Clock } from "../../core/clock.ts";
import { AppError } from "../../core/errors.ts";
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
import type { TokenUsage } from "../../core/money.ts";
import { answerTooLong, isBounded } from "../bound-answer.ts";
import { watchCall, type CallWatch, type Timeouts } from "../call-watch.ts";
import { toChatResult } from "../openai-compatible/model.ts";
import { chatCompletion } from "../openai-compatible/wire.ts";
import { readParts } from "../read-parts.ts";
import { convertChatRequest } from "./convert-messages.ts";
import { createEventReader } from "./event-reader.ts";
import { mapError, mapErrorText } from "./map-error.ts";
import { inferFinishReason } from "./map-finish-reason.ts";
import { classicOutput, embeddingOutput, findErrorText } from "./wire.ts";

/** The AI binding, as far as it is used: the real one, or the service that stands for it in development. */
export interface AIBinding {
  run(model: string, inputs: unknown, options?: { signal?: AbortSignal }): Promise<unknown>;
}

export interface WorkersAIOptions {
  timeouts: Timeouts;
  clock?: Clock;
}

const provider = "workers-ai";
/** Workers AI's embedding models take no more texts at once. */
const maxTextsPerCall = 100;

/** The chat and embedding models behind the AI binding. Retries are the gateway's: none are made here. */
export function createWorkersAI(
  binding: AIBinding,
  { timeouts, clock = systemClock }: WorkersAIOptions,
): ChatModel & EmbeddingModel {
  /** Runs a model and gives every failure its name. */
  const run = async <T>(call: { signal: AbortSignal }, work: (watch: CallWatch) => Promise<T>): Promise<T> => {
    const watch = watchCall({ provider, caller: call.signal, timeouts });
    try {
      return await work(watch);
    } catch (cause) {
      const failure = watch.failure() ?? mapError(cause, { nowMs: clock() });
      watch.abandon();
      throw failure;
    }
  };

  let takesSignal = true;
  const runWith = async (signal: AbortSignal, name: string, inputs: Record<string, unknown>): Promise<unknown> => {
    try {
      return await (takesSignal ? binding.run(name, inputs, { signal }) : binding.run(name, inputs));
    } catch (cause) {
      // A service binding cannot carry a signal: it says so before anything is sent, and is asked without one.
      if (!takesSignal || !(cause instanceof DOMException) || cause.name !== "DataCloneError") throw cause;
      takesSignal = false;
      return binding.run(name, inputs);
    }
  };

  const ask = async (watch: CallWatch, name: string, inputs: Record<string, unknown>): Promise<unknown> => {
    const output = await watch.race(() => {
      const pending = runWith(watch.signal, name, inputs);
      // A binding that ignores the signal may still answer a call that nobody waits for any more.
      pending.then((late) => (watch.signal.aborted ? discard(late) : undefined)).catch(() => undefined);
      return pending;
    });
    const error = output instanceof ReadableStream ? null : findErrorText(output);
    if (error !== null) throw mapErrorText(error, { nowMs: clock() });
    return output;
  };

  const chat = (call: ModelCall): Promise<ChatResult> =>
    run(call, async (watch) => {
      const output = await ask(watch, call.card.name, convertChatRequest(call.request, call.card, false));
      const result = toResult(output, call);
      watch.stop();
      return result;
    });

  return {
    chat,

    async stream(call: ModelCall): Promise<ReadableStream<StreamPart>> {
      // Workers AI's JSON mode does not stream.
      const format = call.request.response_format?.type ?? "text";
      if (format !== "text") return toStream(await chat(call));
      return run(call, async (watch) => {
        watch.enter("headers");
        const output = await ask(watch, call.card.name, convertChatRequest(call.request, call.card, true));
        if (!(output instanceof ReadableStream)) {
          watch.stop();
          return toStream(toResult(output, call));
        }
        return readParts({
          provider,
          body: output,
          parts: createEventReader({ provider, model: call.card.name, maxTokens: maxTokensOf(call), nowMs: clock }),
          watch,
          mapError: (cause) => mapError(cause, { nowMs: clock() }),
        });
      });
    },

    embed: (call: EmbeddingCall): Promise<EmbeddingResult> =>
      run(call, async (watch) => {
        if (call.dimensions !== undefined) {
          throw new AppError("unsupported_parameter", `The model ${call.card.id} has vectors of one size only.`, {
            param: "dimensions",
          });
        }
        const vectors: number[][] = [];
        const counts: (TokenUsage | null)[] = [];
        for (let start = 0; start < call.inputs.length; start += maxTextsPerCall) {
          const text = call.inputs.slice(start, start + maxTextsPerCall);
          const output = embeddingOutput.parse(await ask(watch, call.card.name, { text }));
          if (output.data.length !== text.length) {
            throw new AppError("upstream_invalid_response", "Workers AI sent an answer that could not be read.", {
              internal: `${output.data.length} vectors for ${text.length} texts`,
              retryable: true,
            });
          }
          vectors.push(...output.data);
          counts.push(output.usage);
        }
        watch.stop();
        return { model: call.card.name, vectors, usage: sum(counts) };
      }),
  };
}

function toResult(output: unknown, call: ModelCall): ChatResult {
  const result = readOutput(output, call);
  if (!isBounded(result)) throw answerTooLong();
  return result;
}

function readOutput(output: unknown, call: ModelCall): ChatResult {
  const model = call.card.name;
  if (output !== null && typeof output === "object" && "choices" in output) {
    return toChatResult(chatCompletion.parse(output), model);
  }
  const { response, tool_calls: calls, usage } = classicOutput.parse(output);
  const toolCalls = calls ?? [];
  if (response === null && toolCalls.length === 0) {
    throw new AppError("upstream_invalid_response", "Workers AI sent an answer that could not be read.", {
      internal: "neither a response nor a tool call",
      retryable: true,
    });
  }
  return {
    id: newId("completion"),
    model,
    content: response,
    refusal: null,
    toolCalls,
    finishReason: inferFinishReason({ usage, hasToolCalls: toolCalls.length > 0, maxTokens: maxTokensOf(call) }),
    usage,
  };
}

/** A whole answer as a stream of one piece. */
function toStream(result: ChatResult): ReadableStream<StreamPart> {
  return new ReadableStream<StreamPart>({
    start(controller) {
      controller.enqueue({ type: "start", id: result.id, model: result.model });
      if (result.content !== null && result.content !== "")
        controller.enqueue({ type: "text-delta", text: result.content });
      if (result.refusal !== null) controller.enqueue({ type: "refusal-delta", text: result.refusal });
      for (const [index, call] of result.toolCalls.entries()) {
        controller.enqueue({ type: "tool-call-delta", index, id: call.id, ...call.function });
      }
      controller.enqueue({ type: "finish", reason: result.finishReason });
      if (result.usage !== null) controller.enqueue({ type: "usage", usage: result.usage });
      controller.close();
    },
  });
}

function maxTokensOf({ request }: ModelCall): number | null {
  return request.max_completion_tokens ?? request.max_tokens ?? null;
}

/** One batch without a count leaves the whole uncounted: half a count would be a wrong one. */
function sum(counts: (TokenUsage | null)[]): TokenUsage | null {
  const known = counts.filter((count) => count !== null);
  if (known.length === 0 || known.length < counts.length) return null;
  return {
    inputTokens: known.reduce((total, count) => total + count.inputTokens, 0),
    cachedInputTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    estimated: false,
  };
}

async function discard(output: unknown): Promise<void> {
  if (output instanceof ReadableStream) await output.cancel();
}
