import type { CompletionPart, StreamedCompletion } from "../gateway/stream-completion.ts";
import { toAppError, toErrorBody } from "./error-response.ts";
import { renderUsage } from "./render-completion.ts";

/** OpenAI's `chat.completion.chunk` events. A stream that failed ends with an error event and no `[DONE]`. */
export function renderStream(
  streamed: StreamedCompletion,
  { includeUsage, requestId }: { includeUsage: boolean; requestId: string },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const head = {
    id: streamed.id,
    object: "chat.completion.chunk",
    created: Math.floor(streamed.createdMs / 1000),
    model: streamed.model,
  };
  const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
  const chunk = (
    delta: object,
    finishReason: string | null = null,
    more: object = {},
    logprobs: object | null = null,
  ) =>
    event({
      ...head,
      choices: [{ index: 0, delta, logprobs, finish_reason: finishReason }],
      ...(includeUsage ? { usage: null } : {}),
      ...more,
    });
  const reader = streamed.parts.getReader();
  let opened = false;

  function render(part: CompletionPart): string {
    switch (part.type) {
      case "text-delta":
        return chunk({ content: part.text });
      case "refusal-delta":
        return chunk({ refusal: part.text });
      case "thinking-delta":
        return chunk({ reasoning_content: part.text });
      case "thinking-end":
        return chunk({ thinking_blocks: [part.block] });
      case "logprobs":
        return chunk({}, null, {}, { content: part.content, refusal: null });
      case "tool-call":
        return chunk({ tool_calls: [{ index: part.index, ...part.call }] });
      case "end": {
        const { answer, parapet } = part.completion;
        const last = chunk({}, answer.finishReason, { model: answer.model, parapet });
        const usage = includeUsage ? event({ ...head, choices: [], usage: renderUsage(answer.usage) }) : "";
        return `${last}${usage}data: [DONE]\n\n`;
      }
      case "error":
        return event(toErrorBody(toAppError(part.error), requestId));
    }
  }

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) {
        controller.close();
        return;
      }
      // As OpenAI opens a message: one that only calls tools has no content, not an empty one.
      const content = value.type === "tool-call" ? null : "";
      const first = opened ? "" : chunk({ role: "assistant", content, refusal: null });
      opened = true;
      controller.enqueue(encoder.encode(first + render(value)));
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
