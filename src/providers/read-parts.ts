import { AppError } from "../core/errors.ts";
import type { StreamPart } from "../core/model.ts";
import type { CallWatch } from "./call-watch.ts";
import { createEventDecoder, type StreamEvent } from "./event-stream.ts";

/** Turns a provider's events into parts, and knows when its stream is complete. */
export interface PartReader {
  /** Throws what the event reveals: a malformed chunk, an error in the stream. */
  read(event: StreamEvent): StreamPart[];
  /** True once the provider has said that nothing more comes. */
  isDone(): boolean;
  /** The last parts. Throws `upstream_incomplete` where no finish was seen. */
  end(): StreamPart[];
}

export interface PartSource {
  provider: string;
  body: ReadableStream<Uint8Array>;
  parts: PartReader;
  watch: CallWatch;
  /** Makes an `AppError` of what reading the body threw. */
  mapError(cause: unknown): AppError;
}

/**
 * A provider's event stream as typed parts. It fails unless the provider finished its answer; cancelling it ends the
 * provider's call. All parts of one network read are handed on at once: no copy, no transform per chunk.
 */
export function readParts({ provider, body, parts, watch, mapError }: PartSource): ReadableStream<StreamPart> {
  const reader = body.getReader();
  const decoder = createEventDecoder();
  let eventCount = 0;
  let sawToken = false;
  // The watch aborts the fetch; a body that does not come from one has to be told.
  watch.signal.addEventListener("abort", () => void reader.cancel(watch.signal.reason).catch(() => undefined), {
    once: true,
  });
  watch.enter("first_token");

  /** An empty list: read on. `null`: the stream is complete. */
  const readOnce = async (): Promise<StreamPart[] | null> => {
    const { done, value } = await watch.race(() => reader.read());
    const aborted = watch.failure();
    if (aborted !== null) throw aborted;
    if (done) return null;
    const events = decoder.push(value);
    const read: StreamPart[] = [];
    for (const event of events) {
      if (!parts.isDone()) read.push(...parts.read(event));
    }
    // Comments keep a connection open, not an answer going: only events count as life.
    eventCount += events.length;
    // A second event is life too: the reasoning of models that show it, which is no part of the answer.
    sawToken ||= eventCount > 1 || read.some((part) => part.type !== "start");
    if (sawToken && events.length > 0) watch.enter("idle");
    return read;
  };

  const finish = (): StreamPart[] => {
    const left = parts.isDone() ? null : decoder.end();
    // The last event of a stream cut short is a fragment; one that merely lacks its blank line is whole.
    const read = left === null || !isWhole(left) ? [] : parts.read(left);
    if (eventCount === 0 && left === null) throw incomplete(provider, "ended its stream before it began");
    return [...read, ...parts.end()];
  };

  return new ReadableStream<StreamPart>(
    {
      async pull(controller) {
        try {
          if (sawToken) watch.enter("idle");
          for (;;) {
            const read = await readOnce();
            for (const part of read ?? []) controller.enqueue(part);
            if (read === null || parts.isDone()) {
              for (const part of finish()) controller.enqueue(part);
              watch.stop();
              controller.close();
              if (read !== null) void drain(reader);
              return;
            }
            // From here on it is the consumer that takes its time.
            if (read.length > 0) {
              if (sawToken) watch.pause();
              return;
            }
          }
        } catch (cause) {
          const failure = watch.failure() ?? mapError(cause);
          watch.abandon();
          void reader.cancel(failure).catch(() => undefined);
          controller.error(failure);
        }
      },
      cancel() {
        watch.abandon();
        void reader.cancel().catch(() => undefined);
      },
    },
    // Nothing is read ahead of the consumer: its pace is the provider's.
    { highWaterMark: 0 },
  );
}

/** Reads past the provider's `[DONE]` to the end of its response, so that the connection can serve another call. */
async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    const { done } = await reader.read();
    if (!done) await reader.cancel();
  } catch {
    // The answer is complete: what happens to the connection afterwards concerns nobody.
  }
}

function isWhole({ data }: StreamEvent): boolean {
  if (data === "[DONE]") return true;
  try {
    JSON.parse(data);
    return true;
  } catch {
    return false;
  }
}

export function incomplete(provider: string, what: string): AppError {
  return new AppError("upstream_incomplete", `The provider ${provider} ${what}.`, { retryable: true });
}
