import { z } from "zod";

const chunk = z.object({
  choices: z.array(
    z.object({
      delta: z.object({
        content: z.string().nullish(),
        tool_calls: z
          .array(
            z.object({
              index: z.int(),
              function: z.object({ name: z.string().optional(), arguments: z.string().optional() }),
            }),
          )
          .nullish(),
      }),
    }),
  ),
  usage: z.looseObject({}).nullish(),
});
const failure = z.object({ error: z.object({ message: z.string() }) });

/**
 * OpenAI's server-sent events as Workers AI's: `{"response": "…"}` per piece, tool calls whole in one event, an event with
 * the usage at the end, then `[DONE]`. A stream that ends without OpenAI's `[DONE]`, or with an error, fails.
 */
export function toWorkersStream(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  let unfinished = "";
  let isDone = false;
  let usage: unknown;
  const calls: { name: string; arguments: string }[] = [];

  function convert(data: string): string {
    if (data === "[DONE]") {
      isDone = true;
      const complete = calls.map((call) => ({
        name: call.name,
        arguments: JSON.parse(call.arguments || "{}") as unknown,
      }));
      const callEvent = complete.length > 0 ? event({ response: "", tool_calls: complete }) : "";
      return `${callEvent}${event({ response: "", usage: usage ?? null })}data: [DONE]\n\n`;
    }
    const value: unknown = JSON.parse(data);
    const failed = failure.safeParse(value);
    if (failed.success) throw new Error(`3043: Internal server error: ${failed.data.error.message}`);
    const parsed = chunk.parse(value);
    if (parsed.usage) usage = parsed.usage;
    const delta = parsed.choices[0]?.delta;
    for (const piece of delta?.tool_calls ?? []) {
      const call = (calls[piece.index] ??= { name: "", arguments: "" });
      call.name += piece.function.name ?? "";
      call.arguments += piece.function.arguments ?? "";
    }
    return delta?.content ? event({ response: delta.content }) : "";
  }

  const lines = new TransformStream<string, string>({
    transform(text, controller) {
      const parts = (unfinished + text).split("\n");
      unfinished = parts.pop() ?? "";
      for (const line of parts) {
        if (line.startsWith("data:")) controller.enqueue(convert(line.slice("data:".length).trim()));
      }
    },
    flush() {
      if (!isDone) throw new Error("3043: Internal server error: the model's stream broke off");
    },
  });
  // The declared type of TextDecoderStream's input is wider than the bytes that come here.
  const decoder = new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>;
  return body.pipeThrough(decoder).pipeThrough(lines).pipeThrough(new TextEncoderStream());
}

function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
