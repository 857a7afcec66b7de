import type { ThinkingBlock, ToolCall } from "../../core/chat.ts";
import type { Completion } from "../../gateway/completion.ts";
import type { CompletionPart, StreamedCompletion } from "../../gateway/stream-completion.ts";
import { toAnthropicErrorBody, toAppError } from "../error-response.ts";
import { openMessage, renderMessageUsage, stopOf, toolUse } from "./render-message.ts";

export interface MessageStreamOptions {
  requestId: string;
  /** Our estimate of the prompt: the provider's count comes with the last event. */
  promptTokens: number;
}

/** Anthropic's message events. A stream that failed ends with an `error` event and no `message_stop`. */
export function renderMessageStream(
  streamed: StreamedCompletion,
  { requestId, promptTokens }: MessageStreamOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const reader = streamed.parts.getReader();
  const render = createPartRenderer(requestId);
  let opening = openingOf(streamed, promptTokens);

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return controller.close();
          const events = opening + render(value);
          opening = "";
          // Some parts show nothing in this format: a stream that is pulled must give something.
          if (events !== "") return controller.enqueue(encoder.encode(events));
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

function openingOf({ id, model }: StreamedCompletion, promptTokens: number): string {
  const usage = renderMessageUsage({
    inputTokens: promptTokens,
    cachedInputTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    estimated: true,
  });
  const nothing = { content: [], stop_reason: null, stop_sequence: null, stop_details: null, usage };
  return event({ type: "message_start", message: { ...openMessage(id, model), ...nothing } }) + event({ type: "ping" });
}

function createPartRenderer(requestId: string): (part: CompletionPart) => string {
  let index = -1;
  let open: "text" | "thinking" | null = null;

  const close = (): string => {
    const stop = open === null ? "" : event({ type: "content_block_stop", index });
    open = null;
    return stop;
  };
  const start = (block: object): string => {
    const before = close();
    index += 1;
    return before + event({ type: "content_block_start", index, content_block: block });
  };
  const delta = (change: object): string => event({ type: "content_block_delta", index, delta: change });

  const text = (piece: string): string => {
    const before = open === "text" ? "" : start({ type: "text", text: "", citations: null });
    open = "text";
    return before + delta({ type: "text_delta", text: piece });
  };
  const thinking = (piece: string): string => {
    const before = open === "thinking" ? "" : start({ type: "thinking", thinking: "", signature: "" });
    open = "thinking";
    return before + (piece === "" ? "" : delta({ type: "thinking_delta", thinking: piece }));
  };
  const endThinking = (block: ThinkingBlock): string => {
    if (block.type === "redacted_thinking") return start(block) + event({ type: "content_block_stop", index });
    const whole = open === "thinking" ? "" : thinking(block.thinking);
    const signature = block.signature ? delta({ type: "signature_delta", signature: block.signature }) : "";
    return whole + signature + close();
  };
  const call = ({ id, function: { name, arguments: json } }: ToolCall): string =>
    start(toolUse(id, name, {})) +
    delta({ type: "input_json_delta", partial_json: json }) +
    event({ type: "content_block_stop", index });

  const end = ({ answer, parapet }: Completion): string =>
    close() +
    event({
      type: "message_delta",
      delta: { ...stopOf(answer), container: null },
      usage: renderMessageUsage(answer.usage),
      parapet,
    }) +
    event({ type: "message_stop" });

  return (part) => {
    switch (part.type) {
      case "text-delta":
      case "refusal-delta":
        return text(part.text);
      case "thinking-delta":
        return thinking(part.text);
      case "thinking-end":
        return endThinking(part.block);
      case "tool-call":
        return call(part.call);
      case "logprobs":
        return "";
      case "end":
        return end(part.completion);
      case "error":
        return event(toAnthropicErrorBody(toAppError(part.error), requestId));
    }
  };
}

function event(data: { type: string } & Record<string, unknown>): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}
