import { z } from "zod";
import type { ToolCall } from "../../core/chat.ts";
import { newCallId } from "../new-call-id.ts";
import { toTokenUsage } from "../openai-compatible/wire.ts";

/** What Workers AI's classic text models answer. Newer ones answer in OpenAI's shape: see `openai-compatible/wire.ts`. */

const count = z.number().min(0).max(1_000_000_000);

/** `null` where the model counted nothing: some report zeros for a prompt that cannot have had none. */
const usage = z
  .object({ prompt_tokens: count, completion_tokens: count, total_tokens: count.optional() })
  .nullish()
  .catch(null)
  .transform((value) =>
    value && value.prompt_tokens > 0 ? toTokenUsage({ ...value, total_tokens: undefined }) : null,
  );

const classicToolCall = z.object({ name: z.string().min(1), arguments: z.unknown() });
const wrappedToolCall = z.object({
  id: z.string().nullish(),
  function: z.object({ name: z.string().min(1), arguments: z.unknown() }),
});

const toolCall = z.union([
  wrappedToolCall.transform((call) => toToolCall(call.id, call.function)),
  classicToolCall.transform((call) => toToolCall(null, call)),
]);

/** Text, or the object that JSON mode parsed; a stream sends a token that looks like a number as one. */
const response = z
  .union([z.string(), z.number(), z.boolean(), z.record(z.string(), z.unknown()), z.array(z.unknown())])
  .nullish()
  .transform((value) => {
    if (value === null || value === undefined) return null;
    return typeof value === "string" ? value : JSON.stringify(value);
  });

export const classicOutput = z.object({ response, tool_calls: z.array(toolCall).nullish(), usage });

export const embeddingOutput = z.object({ data: z.array(z.array(z.number())), usage });

/** Errors in a body or an event: `{error}` or `{errors: [{code, message}]}`. */
const errorBody = z.union([
  z
    .object({ errors: z.array(z.object({ message: z.string(), code: z.number().optional() })).min(1) })
    .transform((value) => {
      const first = value.errors[0];
      return first?.code === undefined ? (first?.message ?? "") : `${first.code}: ${first.message}`;
    }),
  z.object({ error: z.string().min(1) }).transform((value) => value.error),
  z
    .object({ error: z.object({ message: z.string(), code: z.union([z.string(), z.number()]).nullish() }) })
    .transform(({ error }) => (error.code ? `${error.code}: ${error.message}` : error.message)),
]);

/** The error text of an output that holds an error in place of an answer, or `null`. */
export function findErrorText(value: unknown): string | null {
  const parsed = errorBody.safeParse(value);
  return parsed.success ? parsed.data : null;
}

function toToolCall(id: string | null | undefined, call: { name: string; arguments: unknown }): ToolCall {
  const text = typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments ?? {});
  return { id: id || newCallId(), type: "function", function: { name: call.name, arguments: text } };
}
