import { z } from "zod";
import { toChatBody } from "./ai-chat-body.ts";
import { parseInputs, type TextGenerationInputs } from "./ai-inputs.ts";
import { toWorkersStream } from "./ai-stream.ts";

/** A tool call as Workers AI's classic text models return it: the arguments are an object. */
export interface LocalToolCall {
  name: string;
  arguments: unknown;
}

export interface LocalUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** The output of a text model; `response` is an object when JSON was asked for, as in Workers AI's JSON mode. */
export interface LocalTextOutput {
  response: unknown;
  tool_calls?: LocalToolCall[];
  usage: LocalUsage;
}

export interface LocalEmbeddingOutput {
  shape: [number, number];
  data: number[][];
}

export type LocalAIOutput = LocalTextOutput | LocalEmbeddingOutput | ReadableStream<Uint8Array>;

export interface LocalAIOptions {
  signal?: AbortSignal;
}

const usage = z.object({ prompt_tokens: z.number(), completion_tokens: z.number(), total_tokens: z.number() });
const completion = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({
          content: z.string().nullish(),
          tool_calls: z.array(z.object({ function: z.object({ name: z.string(), arguments: z.string() }) })).nullish(),
        }),
      }),
    )
    .min(1),
  usage: usage.optional(),
});
const embeddings = z.object({ data: z.array(z.object({ embedding: z.array(z.number()) })).min(1) });
const failure = z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) });

const noUsage: LocalUsage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
const howToStart = "start one with `npm run dev`, which also sets PARAPET_LOCAL_MODEL_URL";

/** An error as the Workers AI binding throws it: named `AiError`, its message the service's code and text. */
export function aiError(code: number, text: string): Error {
  const error = new Error(`${code}: ${text}`);
  error.name = "AiError";
  return error;
}

/**
 * What `env.AI.run` does in production, by the local model server at `baseUrl` (its `/v1`). Takes `local/…` models only.
 * Throws Workers AI's errors (5006 invalid input, 5007 no such model, 5021 context window, 3040 capacity, 3043 anything
 * else), and `model_unavailable: …` with what to do when no server answers or it has no such kind of model.
 */
export async function runLocalAI(
  { baseUrl, fetch = globalThis.fetch }: { baseUrl: string | undefined; fetch?: typeof globalThis.fetch },
  model: string,
  inputs: unknown,
  options: LocalAIOptions = {},
): Promise<LocalAIOutput> {
  if (!model.startsWith("local/")) {
    throw aiError(5007, `No such model ${model} or task (in local development only models named local/… can be run)`);
  }
  const parsed = parseInputs(inputs);
  if ("problem" in parsed) throw aiError(5006, `Error: ${parsed.problem}`);
  if (baseUrl === undefined || baseUrl === "") throw unavailable("no local model server is configured");

  const call: ServerCall = { baseUrl, fetch, model, ...(options.signal && { signal: options.signal }) };
  return parsed.task === "embedding" ? embed(call, parsed.texts) : generate(call, parsed.inputs);
}

interface ServerCall {
  baseUrl: string;
  fetch: typeof globalThis.fetch;
  model: string;
  signal?: AbortSignal;
}

async function embed(call: ServerCall, texts: string[]): Promise<LocalEmbeddingOutput> {
  const response = await post(call, "embeddings", { model: call.model, input: texts }, 0);
  const data = embeddings.parse(await response.json()).data.map((item) => item.embedding);
  return { shape: [data.length, data[0]?.length ?? 0], data };
}

async function generate(
  call: ServerCall,
  inputs: TextGenerationInputs,
): Promise<LocalTextOutput | ReadableStream<Uint8Array>> {
  const body = toChatBody(call.model, inputs);
  const response = await post(call, "chat/completions", body, body.max_tokens);
  if (inputs.stream) {
    if (!response.body) throw aiError(3043, "Internal server error: the model server sent no stream");
    return toWorkersStream(response.body);
  }
  const parsed = completion.parse(await response.json());
  const message = parsed.choices[0]?.message;
  const isJson = inputs.response_format !== undefined && inputs.response_format.type !== "text";
  const calls = (message?.tool_calls ?? []).map(({ function: { name, arguments: text } }) => ({
    name,
    arguments: readJson(text),
  }));
  return {
    response: isJson && calls.length === 0 ? readAnswer(message?.content ?? "") : (message?.content ?? null),
    ...(calls.length > 0 && { tool_calls: calls }),
    usage: parsed.usage ?? noUsage,
  };
}

async function post(call: ServerCall, path: string, body: object, maxTokens: number): Promise<Response> {
  const { fetch } = call;
  const response = await fetch(`${call.baseUrl.replace(/\/+$/, "")}/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(call.signal && { signal: call.signal }),
  }).catch((cause: unknown) => {
    if (call.signal?.aborted) throw cause;
    throw unavailable(`nothing answers at ${call.baseUrl}`, cause);
  });
  if (response.ok) return response;
  const parsed = failure.safeParse(await response.json().catch(() => null));
  throw mapFailure(response.status, parsed.success ? parsed.data.error : null, call.model, maxTokens);
}

function mapFailure(
  status: number,
  error: { message: string; code?: string | null | undefined } | null,
  model: string,
  maxTokens: number,
): Error {
  const message = error?.message ?? `the model server answered HTTP ${status}`;
  if (error?.code === "model_unavailable") return unavailable(message);
  if (error?.code === "context_length_exceeded") return aiError(5021, contextText(message, maxTokens));
  if (status === 404) return aiError(5007, `No such model ${model} or task (${message})`);
  if (status === 429 || status === 503) return aiError(3040, "Capacity temporarily exceeded, please try again.");
  if (status < 500) return aiError(5006, `Error: ${message}`);
  return aiError(3043, `Internal server error: ${message}`);
}

function contextText(message: string, maxTokens: number): string {
  const found = /maximum context length is (\d+) tokens.*resulted in (\d+) tokens/.exec(message);
  const [window, input] = found ? [Number(found[1]), Number(found[2])] : [0, 0];
  return `The estimated number of input and maximum output tokens (${input + maxTokens}) exceeded this model context window limit (${window}).`;
}

function unavailable(what: string, cause?: unknown): Error {
  return new Error(`model_unavailable: ${what}; ${howToStart}.`, { cause });
}

function readAnswer(text: string): unknown {
  const value = readJson(text);
  // An answer cut short by max_tokens is no JSON.
  if (value === null) throw aiError(5024, "JSON Mode couldn't be met");
  return value;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
