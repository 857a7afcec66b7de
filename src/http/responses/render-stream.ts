import type { StreamedCompletion, CompletionPart } from "../../gateway/stream-completion.ts";
import { toAppError, toErrorBody } from "../error-response.ts";
import { createItemStream, type ItemEvent } from "./item-stream.ts";
import {
  closeResponse,
  openResponse,
  presentResponse,
  type ResponseHead,
  type ResponseObject,
} from "./render-response.ts";

export interface ResponseStreamOptions {
  head: ResponseHead;
  requestId: string;
  nowMs: () => number;
  /** Keeps the finished response, before its last event tells the client that it can be continued; true once it is kept. */
  keep: (response: ResponseObject) => Promise<boolean>;
}

/**
 * OpenAI's events of a response, numbered. What failed after its first token ends with `error` and `response.failed`, never
 * with `response.completed`.
 */
export function renderResponseStream(
  streamed: Pick<StreamedCompletion, "parts">,
  { head, requestId, nowMs, keep }: ResponseStreamOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const reader = streamed.parts.getReader();
  const opened = openResponse(head);
  const { include } = head.request;
  const items = createItemStream(head.session, (include ?? []).includes("reasoning.encrypted_content"));
  let sequence = 0;

  const write = (events: readonly ItemEvent[]): string =>
    events
      .map((event) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: sequence++ })}\n\n`)
      .join("");

  async function eventsOf(part: CompletionPart): Promise<ItemEvent[]> {
    switch (part.type) {
      case "text-delta":
        return items.text(part.text);
      case "refusal-delta":
        return items.refusal(part.text);
      case "thinking-delta":
        return items.thinking(part.text);
      case "thinking-end":
        return items.endThinking(part.block);
      case "tool-call":
        return items.call(part.call);
      case "logprobs":
        items.logprobs(part.content);
        return [];
      case "end": {
        const { answer, parapet } = part.completion;
        const { finishReason, usage, citations } = answer;
        const isCut = finishReason === "length" || finishReason === "content_filter";
        const closing = items.end({ citations, isCut });
        const response = closeResponse(
          { ...opened, model: answer.model },
          { finishReason, usage, parapet, output: items.items(), completedMs: nowMs() },
        );
        const isKept = response.store && (await keep(response));
        const final = presentResponse({ ...response, store: isKept }, include);
        return [...closing, { type: `response.${response.status}`, response: final }];
      }
      case "error": {
        const error = toAppError(part.error);
        const { message, code, param } = error;
        const failed = {
          ...opened,
          status: "failed",
          store: false,
          error: { code: code === "upstream_rate_limited" ? "rate_limit_exceeded" : "server_error", message },
          output: items.items(),
        };
        return [
          // As documented, and as OpenAI sends it: its own clients read one, others the other.
          { type: "error", code, message, param, error: toErrorBody(error, requestId).error },
          { type: "response.failed", response: failed },
        ];
      }
    }
  }

  return new ReadableStream<Uint8Array>({
    start(controller) {
      const events = ["response.created", "response.in_progress"].map((type) => ({ type, response: opened }));
      controller.enqueue(encoder.encode(write(events)));
    },
    async pull(controller) {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) {
          controller.close();
          return;
        }
        const events = await eventsOf(value);
        // A pull that enqueues nothing is not called again.
        if (events.length === 0) continue;
        controller.enqueue(encoder.encode(write(events)));
        return;
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
