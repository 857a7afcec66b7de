import type { Answer, Failure } from "./scripts.ts";
import type { WireFormat } from "./scripted-wire.ts";

const id = "msg_scripted";

const stopReasons: Readonly<Record<string, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
};

const signature = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk";

function usageOf({ usage }: Answer) {
  if (usage === null) return {};
  return {
    usage: {
      input_tokens: usage.input - usage.cached - usage.cacheWrite,
      cache_creation_input_tokens: usage.cacheWrite,
      cache_read_input_tokens: usage.cached,
      cache_creation: { ephemeral_5m_input_tokens: usage.cacheWrite, ephemeral_1h_input_tokens: 0 },
      output_tokens: usage.output,
      output_tokens_details: { thinking_tokens: usage.reasoning },
      service_tier: "standard",
    },
  };
}

function messageOf(model: string) {
  return { id, type: "message", role: "assistant", model };
}

function stopOf(answer: Answer) {
  const reason = answer.refusal !== null ? "refusal" : (stopReasons[answer.finish] ?? "end_turn");
  return {
    stop_reason: answer.stopSequence === null ? reason : "stop_sequence",
    stop_sequence: answer.stopSequence,
    stop_details: answer.refusal === null ? null : { type: "refusal", category: null, explanation: answer.refusal },
  };
}

const textIndex = ({ thinking }: Answer) => (thinking.length > 0 ? 1 : 0);
const callIndex = (answer: Answer, call: number) => textIndex(answer) + (answer.pieces.length > 0 ? 1 : 0) + call;
const start = (index: number, block: object) => ({ type: "content_block_start", index, content_block: block });
const delta = (index: number, change: object) => ({ type: "content_block_delta", index, delta: change });
const stop = (index: number) => ({ type: "content_block_stop", index });

/** Anthropic's Messages API. */
export const anthropicWire: WireFormat = {
  whole: (answer, model) => ({
    ...messageOf(model),
    content: [
      ...(answer.thinking.length > 0 ? [{ type: "thinking", thinking: answer.thinking.join(""), signature }] : []),
      ...(answer.pieces.length > 0 ? [{ type: "text", text: answer.pieces.join("") }] : []),
      ...answer.toolCalls.map((call) => ({
        type: "tool_use",
        id: call.id,
        name: call.name,
        input: JSON.parse(call.arguments) as unknown,
      })),
    ],
    ...stopOf(answer),
    ...usageOf(answer),
  }),
  opening: (answer, model) => [
    {
      type: "message_start",
      message: {
        ...messageOf(model),
        content: [],
        stop_reason: null,
        stop_sequence: null,
        ...(answer.usage === null ? {} : usageOf({ ...answer, usage: { ...answer.usage, output: 1, reasoning: 0 } })),
      },
    },
    { type: "ping" },
    ...(answer.thinking.length === 0
      ? []
      : [
          start(0, { type: "thinking", thinking: "", signature: "" }),
          ...answer.thinking.map((thinking) => delta(0, { type: "thinking_delta", thinking })),
          delta(0, { type: "signature_delta", signature }),
          stop(0),
        ]),
    ...(answer.pieces.length === 0 ? [] : [start(textIndex(answer), { type: "text", text: "" })]),
  ],
  piece: (text, _model, answer) => delta(textIndex(answer), { type: "text_delta", text }),
  rest: (answer) => [
    ...(answer.pieces.length === 0 ? [] : [stop(textIndex(answer))]),
    ...answer.toolCalls.flatMap((call, number) => {
      const index = callIndex(answer, number);
      const half = Math.ceil(call.arguments.length / 2);
      const texts = ["", call.arguments.slice(0, half), call.arguments.slice(half)];
      return [
        start(index, { type: "tool_use", id: call.id, name: call.name, input: {} }),
        ...texts.map((text) => delta(index, { type: "input_json_delta", partial_json: text })),
        stop(index),
      ];
    }),
  ],
  finish: (answer) => [
    {
      type: "message_delta",
      delta: stopOf(answer),
      ...(answer.usage === null ? {} : { usage: { output_tokens: answer.usage.output, ...tokenDetails(answer) } }),
    },
  ],
  usage: () => [],
  error: (message) => ({ type: "error", error: { type: "api_error", message }, request_id: "req_scripted" }),
  frame: (event) => `event: ${String(Reflect.get(event as object, "type"))}\ndata: ${JSON.stringify(event)}\n\n`,
  done: 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  failure: ({ status, error }) => ({
    type: "error",
    error: { type: errorTypes[status] ?? "api_error", message: messages[error.code ?? ""] ?? error.message },
    request_id: "req_scripted",
  }),
  limitHeaders: ({ requests, resetMs }) => ({
    "anthropic-ratelimit-requests-remaining": String(requests),
    "anthropic-ratelimit-requests-reset": new Date(Date.now() + resetMs).toISOString(),
  }),
};

function tokenDetails({ usage }: Answer) {
  return usage === null ? {} : { output_tokens_details: { thinking_tokens: usage.reasoning } };
}

const errorTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  429: "rate_limit_error",
  529: "overloaded_error",
};
/** Where Anthropic's words decide what an error means. */
const messages: Readonly<Record<NonNullable<Failure["error"]["code"]>, string>> = {
  context_length_exceeded: "prompt is too long: 215000 tokens > 200000 maximum",
  content_filter: "Output blocked by content filtering policy",
};
