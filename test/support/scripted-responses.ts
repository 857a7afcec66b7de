import type { WireFormat } from "./scripted-wire.ts";
import type { Answer } from "./scripts.ts";

interface InputItem {
  type?: string;
  role?: string;
  content?: unknown;
  output?: unknown;
}

const id = "resp_scripted";
const encrypted = "gAAAAABpPDIUscripted";

/** What `describe` reads of a request, from a Responses body: null for any other path. */
export function readResponsesRequest(path: string, body: unknown): unknown {
  if (path !== "/v1/responses") return null;
  const { model, stream, input } = body as { model: string; stream?: boolean; input: unknown };
  const items = typeof input === "string" ? [{ role: "user", content: input }] : (input as InputItem[]);
  const messages = items.flatMap((item) =>
    item.role !== undefined
      ? [{ role: item.role, content: item.content }]
      : item.type === "function_call_output"
        ? [{ role: "tool", content: item.output }]
        : [],
  );
  return { model, stream, stream_options: { include_usage: true }, messages };
}

const reasoningItem = (answer: Answer) => ({
  id: "rs_scripted",
  type: "reasoning",
  encrypted_content: encrypted,
  summary: [{ type: "summary_text", text: answer.thinking.join("") }],
});
const callItem = (call: Answer["toolCalls"][number]) => ({
  id: `fc_${call.id}`,
  type: "function_call",
  status: "completed",
  call_id: call.id,
  name: call.name,
  arguments: call.arguments,
});
const logprobsOf = (answer: Answer) =>
  answer.logprobs
    ? answer.pieces.map((token) => ({
        token,
        logprob: -0.25,
        bytes: [...Buffer.from(token)],
        top_logprobs: [{ token, logprob: -0.25, bytes: [...Buffer.from(token)] }],
      }))
    : [];
const messageItem = (answer: Answer) => ({
  id: "msg_scripted",
  type: "message",
  status: "completed",
  role: "assistant",
  content: [
    ...(answer.pieces.length > 0
      ? [{ type: "output_text", annotations: [], logprobs: logprobsOf(answer), text: answer.pieces.join("") }]
      : []),
    ...(answer.refusal === null ? [] : [{ type: "refusal", refusal: answer.refusal }]),
  ],
});

const hasMessage = (answer: Answer) => answer.pieces.length > 0 || answer.refusal !== null;
/** Where an item stands: reasoning, message, calls. */
const messageIndex = (answer: Answer) => (answer.thinking.length > 0 ? 1 : 0);
const callIndex = (answer: Answer, index: number) => messageIndex(answer) + (hasMessage(answer) ? 1 : 0) + index;

function response(answer: Answer, model: string, status: string, output: unknown[]) {
  const { usage } = answer;
  const reason = answer.finish === "length" ? "max_output_tokens" : "content_filter";
  return {
    id,
    object: "response",
    created_at: 1_790_000_000,
    status,
    error: null,
    incomplete_details: status === "incomplete" ? { reason } : null,
    model,
    output,
    usage:
      usage === null || status === "in_progress"
        ? null
        : {
            input_tokens: usage.input,
            input_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: usage.cacheWrite },
            output_tokens: usage.output,
            output_tokens_details: { reasoning_tokens: usage.reasoning },
            total_tokens: usage.input + usage.output,
          },
  };
}

const outputOf = (answer: Answer) => [
  ...(answer.thinking.length > 0 ? [reasoningItem(answer)] : []),
  ...(hasMessage(answer) ? [messageItem(answer)] : []),
  ...answer.toolCalls.map(callItem),
];
const statusOf = ({ finish }: Answer) =>
  finish === "length" || finish === "content_filter" ? "incomplete" : "completed";
const finished = (answer: Answer, model: string) => response(answer, model, statusOf(answer), outputOf(answer));

/** OpenAI's Responses API, its streams as it documents their events. */
export const responsesWire: WireFormat = {
  whole: finished,
  opening: (answer, model) => [
    { type: "response.created", response: response(answer, model, "in_progress", []) },
    { type: "response.in_progress", response: response(answer, model, "in_progress", []) },
    ...(answer.thinking.length === 0
      ? []
      : [
          { type: "response.output_item.added", output_index: 0, item: { ...reasoningItem(answer), summary: [] } },
          ...answer.thinking.map((delta) => ({
            type: "response.reasoning_summary_text.delta",
            output_index: 0,
            summary_index: 0,
            delta,
          })),
          { type: "response.output_item.done", output_index: 0, item: reasoningItem(answer) },
        ]),
    ...(hasMessage(answer)
      ? [
          {
            type: "response.output_item.added",
            output_index: messageIndex(answer),
            item: { ...messageItem(answer), status: "in_progress", content: [] },
          },
        ]
      : []),
  ],
  piece: (delta, _model, answer) => ({
    type: "response.output_text.delta",
    output_index: messageIndex(answer),
    content_index: 0,
    delta,
    logprobs: [],
  }),
  rest: (answer) => [
    ...(answer.pieces.length === 0
      ? []
      : [
          {
            type: "response.content_part.done",
            output_index: messageIndex(answer),
            content_index: 0,
            part: messageItem(answer).content[0],
          },
        ]),
    ...(answer.refusal === null
      ? []
      : [{ type: "response.refusal.delta", output_index: messageIndex(answer), delta: answer.refusal }]),
    ...(hasMessage(answer)
      ? [{ type: "response.output_item.done", output_index: messageIndex(answer), item: messageItem(answer) }]
      : []),
    ...answer.toolCalls.flatMap((call, index) => {
      const where = { output_index: callIndex(answer, index) };
      const half = Math.ceil(call.arguments.length / 2);
      return [
        { type: "response.output_item.added", ...where, item: { ...callItem(call), arguments: "" } },
        ...[call.arguments.slice(0, half), call.arguments.slice(half)].map((delta) => ({
          type: "response.function_call_arguments.delta",
          ...where,
          delta,
        })),
        { type: "response.function_call_arguments.done", ...where, arguments: call.arguments },
        { type: "response.output_item.done", ...where, item: callItem(call) },
      ];
    }),
  ],
  finish: (answer, model) => [{ type: `response.${statusOf(answer)}`, response: finished(answer, model) }],
  usage: () => [],
  error: (message) => ({
    type: "error",
    code: "server_error",
    message,
    param: null,
    error: { type: "server_error", code: "server_error", message, param: null },
  }),
  frame: (event) => `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`,
  done: "",
  limitHeaders: ({ requests, resetMs }) => ({
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": String(requests),
    "x-ratelimit-reset-requests": `${resetMs / 1000}s`,
  }),
};
