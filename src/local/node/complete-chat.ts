import type { ChatRequest, FinishReason, ToolCall } from "../../core/chat.ts";
import { answerForm, type AnswerForm } from "./answer-grammar.ts";
import { toHistory } from "./chat-history.ts";
import type { Engine, GenerateOptions, Sampling } from "./engine.ts";
import { StopFilter } from "./stop-filter.ts";
import { WireError } from "./wire-error.ts";

export type ChatPart =
  | { type: "text"; text: string }
  | { type: "tool-call"; call: ToolCall }
  | { type: "end"; reason: FinishReason; usage: Usage };

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
}

/** Where the request names no limit. A small model does not always find its own end. */
const defaultMaxTokens = 512;

export interface PreparedChat {
  form: AnswerForm;
  options: Omit<GenerateOptions, "signal">;
  stops: string[];
}

/** Reads a request against the engine. Throws a 400 before anything is generated: an unusable schema, a prompt too long. */
export function prepareChat(request: ChatRequest, engine: Pick<Engine, "encode" | "contextSize">): PreparedChat {
  const form = answerForm(request);
  const prompt = engine.encode(toHistory(request, form.tools));
  const room = engine.contextSize - prompt.length;
  if (room < 1) {
    throw new WireError(
      400,
      "context_length_exceeded",
      `This model's maximum context length is ${engine.contextSize} tokens. However, your messages resulted in ${prompt.length} tokens. Please reduce the length of the messages.`,
      "messages",
    );
  }
  const asked = request.max_completion_tokens ?? request.max_tokens ?? defaultMaxTokens;
  const stop = request.stop ?? [];
  return {
    form,
    stops: typeof stop === "string" ? [stop] : stop,
    options: {
      prompt,
      grammar: form.grammar,
      ...(form.allowsContent && !form.isJson && { isFreeText: (text: string) => !text.startsWith("{") }),
      maxTokens: Math.min(asked, room),
      sampling: samplingOf(request, form),
    },
  };
}

/** Generates the answer. Text comes as it is made; a tool call comes whole, or not at all when the answer was cut short. */
export async function* completeChat(
  { form, options, stops }: PreparedChat,
  engine: Pick<Engine, "generate">,
  signal: AbortSignal,
): AsyncGenerator<ChatPart> {
  const stopFilter = new StopFilter(stops);
  const generation = engine.generate({ ...options, signal });
  let outputTokens = 0;
  let held = "";
  let isHeld: boolean | null = null;
  let step = await generation.next();
  while (!step.done && !stopFilter.stopped) {
    outputTokens++;
    // Only the first character tells a call from text; until the end of a call there is nothing to show.
    isHeld ??= form.tools.length > 0 && step.value.startsWith("{");
    if (isHeld) held += step.value;
    else {
      const text = stopFilter.push(step.value);
      if (text) yield { type: "text", text };
    }
    if (!stopFilter.stopped) step = await generation.next();
  }
  if (!step.done) await generation.return({ reason: "stop", outputTokens, cachedTokens: 0 });
  const end = step.done ? step.value : { reason: "stop" as const, outputTokens, cachedTokens: 0 };
  const rest = stopFilter.end();
  if (rest) yield { type: "text", text: rest };

  const call = held && end.reason === "stop" ? parseCall(held, form) : null;
  if (call) yield { type: "tool-call", call };
  else if (held && form.isJson) yield { type: "text", text: held };
  yield {
    type: "end",
    reason: call ? "tool_calls" : end.reason,
    usage: {
      prompt_tokens: options.prompt.length,
      completion_tokens: end.outputTokens,
      total_tokens: options.prompt.length + end.outputTokens,
      prompt_tokens_details: { cached_tokens: end.cachedTokens },
    },
  };
}

function samplingOf(request: ChatRequest, form: AnswerForm): Sampling {
  return {
    // Deterministic unless asked otherwise: small models wander.
    temperature: request.temperature ?? 0,
    ...(typeof request.top_p === "number" && { topP: request.top_p }),
    ...(typeof request.seed === "number" && { seed: Math.abs(request.seed) }),
    // Without it SmolLM2 falls into loops; JSON has to repeat its own punctuation.
    repeatPenalty: form.isJson || form.tools.length > 0 ? 1 : 1.1,
    ...(request.frequency_penalty && { frequencyPenalty: request.frequency_penalty }),
    ...(request.presence_penalty && { presencePenalty: request.presence_penalty }),
  };
}

function parseCall(text: string, form: AnswerForm): ToolCall | null {
  const parsed = parseJson(text);
  if (parsed === null || typeof parsed !== "object" || !("name" in parsed) || !("arguments" in parsed)) return null;
  const tool = form.tools.find((candidate) => candidate.function.name === parsed.name);
  if (!tool) return null;
  const id = `call_${crypto.randomUUID().replaceAll("-", "").slice(0, 24)}`;
  return { id, type: "function", function: { name: tool.function.name, arguments: JSON.stringify(parsed.arguments) } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
