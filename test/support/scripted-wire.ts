import type { Answer, Failure, ScriptedLimits, ScriptedUsage } from "./scripts.ts";

/** How an answer looks on the wire: whole, and as the events of a stream. */
export interface WireFormat {
  whole(answer: Answer, model: string): unknown;
  /** Before the first piece. */
  opening(answer: Answer, model: string): unknown[];
  piece(text: string, model: string, answer: Answer): unknown;
  /** Refusal, tool calls. */
  rest(answer: Answer, model: string): unknown[];
  finish(answer: Answer, model: string): unknown[];
  usage(answer: Answer, model: string): unknown[];
  error(message: string): unknown;
  /** Where a vendor's vectors do not come in OpenAI's shape. */
  embeddings?(vectors: number[][], tokens: number): unknown;
  /** An event of a stream, framed; by default its JSON as `data`. */
  frame?(event: unknown): string;
  /** What ends a stream that is complete; by default `[DONE]`. */
  done?: string;
  /** The body of a refusal; by default OpenAI's. */
  failure?(failure: Failure): unknown;
  /** How the vendor's headers say what is left of its limits. */
  limitHeaders?(limits: ScriptedLimits): Record<string, string>;
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

const logprobOf = (token: string) => ({
  token,
  logprob: -0.25,
  bytes: [...Buffer.from(token)],
  top_logprobs: [{ token, logprob: -0.25, bytes: [...Buffer.from(token)] }],
});

function chunk(model: string, delta: object, finish: string | null = null, logprobs: object | null = null) {
  const choices = [{ index: 0, delta, logprobs, finish_reason: finish }];
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
          ...(answer.thinking.length > 0 ? { reasoning_content: answer.thinking.join("") } : {}),
          ...(answer.toolCalls.length > 0 ? { tool_calls: toolCallOf(answer) } : {}),
        },
        logprobs: answer.logprobs ? { content: answer.pieces.map(logprobOf), refusal: null } : null,
        finish_reason: answer.finish,
      },
    ],
    ...(answer.usage === null ? {} : { usage: openaiUsage(answer.usage) }),
  }),
  opening: (answer, model) => [
    chunk(model, { role: "assistant", content: "", refusal: null }),
    ...answer.thinking.map((text) => chunk(model, { reasoning_content: text })),
  ],
  piece: (text, model, answer) =>
    chunk(model, { content: text }, null, answer.logprobs ? { content: [logprobOf(text)], refusal: null } : null),
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
  failure: ({ workersCode, error }) => ({ success: false, errors: [{ code: workersCode, message: error.message }] }),
};
