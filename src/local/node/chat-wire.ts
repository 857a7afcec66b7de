import type { ChatRequest } from "../../core/chat.ts";
import type { ChatPart } from "./complete-chat.ts";
import { errorBody, toWireError } from "./wire-error.ts";

interface Envelope {
  id: string;
  created: number;
  model: string;
}

export function newEnvelope(model: string): Envelope {
  return { id: `chatcmpl-${crypto.randomUUID()}`, created: Math.floor(Date.now() / 1000), model };
}

/** The parts of an answer as one `chat.completion` object. */
export async function toCompletion(parts: AsyncIterable<ChatPart>, envelope: Envelope): Promise<unknown> {
  let content = "";
  let end: Extract<ChatPart, { type: "end" }> | null = null;
  const calls = [];
  for await (const part of parts) {
    if (part.type === "text") content += part.text;
    else if (part.type === "tool-call") calls.push(part.call);
    else end = part;
  }
  const message = {
    role: "assistant",
    content: content === "" && calls.length > 0 ? null : content,
    refusal: null,
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  const choice = { index: 0, message, logprobs: null, finish_reason: end?.reason ?? "stop" };
  return { ...envelope, object: "chat.completion", choices: [choice], usage: end?.usage };
}

/** The parts of an answer as server-sent events in OpenAI's order; an error after the first event becomes an event itself. */
export async function* toEvents(
  parts: AsyncIterable<ChatPart>,
  envelope: Envelope,
  request: ChatRequest,
): AsyncGenerator<string> {
  const includesUsage = request.stream_options?.include_usage === true;
  const chunk = (delta: object, finishReason: string | null = null): string =>
    event({
      ...envelope,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...(includesUsage && { usage: null }),
    });

  yield chunk({ role: "assistant", content: "", refusal: null });
  let callIndex = 0;
  try {
    for await (const part of parts) {
      if (part.type === "text") yield chunk({ content: part.text });
      else if (part.type === "tool-call") yield chunk({ tool_calls: [{ index: callIndex++, ...part.call }] });
      else {
        yield chunk({}, part.reason);
        if (includesUsage)
          yield event({ ...envelope, object: "chat.completion.chunk", choices: [], usage: part.usage });
      }
    }
  } catch (error) {
    yield event(errorBody(toWireError(error)));
    return;
  }
  yield "data: [DONE]\n\n";
}

function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
