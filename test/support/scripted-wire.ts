import type { Answer, ScriptedUsage } from "./scripts.ts";

/** How an answer looks on the wire: whole, and as the events of a stream. */
export interface WireFormat {
  whole(answer: Answer, model: string): unknown;
  /** Before the first piece. */
  opening(answer: Answer, model: string): unknown[];
  piece(text: string, model: string): unknown;
  /** Refusal, tool calls. */
  rest(answer: Answer, model: string): unknown[];
  finish(answer: Answer, model: string): unknown[];
  usage(answer: Answer, model: string): unknown[];
  error(message: string): unknown;
}

const id = "chatcmpl-scripted";
const created = 1_790_000_000;

function openaiUsage(usage: ScriptedUsage) {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: usage.cacheWrite, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoning, audio_tokens: 0 },
  };
}

function chunk(model: string, delta: object, finish: string | null = null) {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
  return {
    id,
    object: "chat.completion.chunk",
    created,
    model,
    system_fingerprint: "fp_scripted",
    choices,
    usage: null,
  };
}

const toolCallOf = ({ toolCalls }: Answer) =>
  toolCalls.map((call) => ({
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  }));

export const openaiWire: WireFormat = {
  whole: (answer, model) => ({
    id,
    object: "chat.completion",
    created,
    model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: answer.pieces.length === 0 ? null : answer.pieces.join(""),
          refusal: answer.refusal,
          ...(answer.toolCalls.length > 0 ? { tool_calls: toolCallOf(answer) } : {}),
        },
        logprobs: null,
        finish_reason: answer.finish,
      },
    ],
    ...(answer.usage === null ? {} : { usage: openaiUsage(answer.usage) }),
  }),
  opening: (_answer, model) => [chunk(model, { role: "assistant", content: "", refusal: null })],
  piece: (text, model) => chunk(model, { content: text }),
  rest: (answer, model) => [
    ...(answer.refusal === null ? [] : [chunk(model, { refusal: answer.refusal })]),
    ...answer.toolCalls.flatMap((call, index) => {
      const half = Math.ceil(call.arguments.length / 2);
      const head = { index, id: call.id, type: "function", function: { name: call.name, arguments: "" } };
      const parts = [call.arguments.slice(0, half), call.arguments.slice(half)];
      return [head, ...parts.map((text) => ({ index, function: { arguments: text } }))].map((part) =>
        chunk(model, { tool_calls: [part] }),
      );
    }),
  ],
  finish: (answer, model) => [chunk(model, {}, answer.finish)],
  usage: (answer, model) =>
    answer.usage === null ? [] : [{ ...chunk(model, {}), choices: [], usage: openaiUsage(answer.usage) }],
  error: (message) => ({ error: { message, type: "server_error", param: null, code: null } }),
};

const classicUsage = ({ usage }: Answer) =>
  usage === null
    ? {}
    : {
        usage: {
          prompt_tokens: usage.input,
          completion_tokens: usage.output,
          total_tokens: usage.input + usage.output,
        },
      };
const classicCalls = ({ toolCalls }: Answer) =>
  toolCalls.length === 0
    ? {}
    : { tool_calls: toolCalls.map((call) => ({ name: call.name, arguments: JSON.parse(call.arguments) as unknown })) };

/** Workers AI's classic text models. */
export const workersWire: WireFormat = {
  whole: (answer) => ({
    response: answer.pieces.join("") || (answer.refusal ?? (answer.toolCalls.length > 0 ? null : "")),
    ...classicCalls(answer),
    ...classicUsage(answer),
  }),
  opening: () => [],
  piece: (text) => ({ response: text, p: "abdefghijklmnop" }),
  rest: (answer) => [
    ...(answer.refusal === null ? [] : [{ response: answer.refusal }]),
    ...(answer.toolCalls.length === 0 ? [] : [{ response: "", ...classicCalls(answer) }]),
  ],
  finish: () => [],
  usage: (answer) => (answer.usage === null ? [] : [{ response: "", ...classicUsage(answer) }]),
  error: (message) => ({ errors: [{ code: 3043, message }] }),
};
