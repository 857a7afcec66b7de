import type { WireFormat } from "./scripted-wire.ts";
import type { Answer, Failure } from "./scripts.ts";

const responseId = "resp_scripted";
const signature = "EuQBCuEBAXLI2nx_scripted";

const finishReasons: Readonly<Record<string, string>> = {
  stop: "STOP",
  tool_calls: "STOP",
  length: "MAX_TOKENS",
  content_filter: "SAFETY",
};

const statuses: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
};

function usageOf({ usage }: Answer) {
  if (usage === null) return {};
  const prompt = { promptTokenCount: usage.input, cachedContentTokenCount: usage.cached };
  const answer = { candidatesTokenCount: usage.output - usage.reasoning, thoughtsTokenCount: usage.reasoning };
  return { usageMetadata: { ...prompt, ...answer, totalTokenCount: usage.input + usage.output } };
}

function chunk(model: string, parts: object[], finishReason?: string) {
  const candidate = { content: { role: "model", parts }, ...(finishReason ? { finishReason } : {}), index: 0 };
  return { candidates: [candidate], modelVersion: model, responseId };
}

const thoughtsOf = ({ thinking }: Answer) => thinking.map((text) => ({ text, thought: true }));
/** As Gemini does: of parallel calls the first is signed. */
const callsOf = ({ toolCalls }: Answer) =>
  toolCalls.map((call, index) => ({
    functionCall: { id: call.id, name: call.name, args: JSON.parse(call.arguments) as unknown },
    ...(index === 0 ? { thoughtSignature: signature } : {}),
  }));
const textsOf = (answer: Answer) => {
  const text = answer.pieces.join("") || (answer.refusal ?? "");
  return text === "" ? [] : [{ text }];
};

/** Gemini's generateContent. It knows no refusals: what it declines, it declines in its text. */
export const googleWire: WireFormat = {
  whole: (answer, model) => ({
    ...chunk(model, [...thoughtsOf(answer), ...textsOf(answer), ...callsOf(answer)], finishReasons[answer.finish]),
    ...usageOf(answer),
  }),
  opening: (answer, model) => thoughtsOf(answer).map((part) => chunk(model, [part])),
  piece: (text, model) => chunk(model, [{ text }]),
  rest: (answer, model) => [
    ...(answer.refusal === null ? [] : [chunk(model, [{ text: answer.refusal }])]),
    ...callsOf(answer).map((part) => chunk(model, [part])),
  ],
  finish: (answer, model) => [chunk(model, [{ text: "" }], finishReasons[answer.finish])],
  usage: (answer, model) => (answer.usage === null ? [] : [{ ...usageOf(answer), modelVersion: model, responseId }]),
  error: (message) => ({ error: { code: 500, message, status: "INTERNAL" } }),
  done: "",
  failure: ({ status, error, headers }: Failure) => ({
    error: {
      code: status,
      message:
        error.code === "context_length_exceeded"
          ? "The input token count (9001) exceeds the maximum number of tokens allowed (8192)."
          : error.message,
      status: statuses[status] ?? "UNKNOWN",
      ...(headers["retry-after"] === "1"
        ? { details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1s" }] }
        : {}),
    },
  }),
  embeddings: (vectors, tokens) => ({
    embeddings: vectors.map((values) => ({ values })),
    usageMetadata: { promptTokenCount: tokens },
  }),
};

interface GoogleBody {
  contents?: { role: string; parts: { text?: string; functionResponse?: object }[] }[];
  requests?: { content: { parts: { text: string }[] }; outputDimensionality?: number }[];
}

/** Gemini's request in the words of the others, as far as scripts ask for them; `null` where it is not for Gemini. */
export function readGoogleRequest(path: string, sent: unknown) {
  const [model, method] = /^\/v1beta\/models\/([^/:]+):(\w+)$/.exec(path)?.slice(1) ?? [];
  if (model === undefined) return null;
  const { contents = [], requests } = sent as GoogleBody;
  return {
    model: decodeURIComponent(model),
    stream: method === "streamGenerateContent",
    stream_options: { include_usage: true },
    messages: contents.map(({ role, parts }) => ({
      role: parts.some((part) => part.functionResponse !== undefined) ? "tool" : role,
      content: parts.map(({ text }) => ({ text: text ?? "" })),
    })),
    ...(requests === undefined
      ? {}
      : {
          input: requests.map(({ content }) => content.parts.map(({ text }) => text).join("")),
          dimensions: requests[0]?.outputDimensionality,
        }),
  };
}
