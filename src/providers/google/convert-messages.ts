import type { ChatMessage, ChatRequest } from "../../core/chat.ts";
import { AppError } from "../../core/errors.ts";
import type { ModelCard } from "../../core/model.ts";
import { googleSignatureIn } from "../../core/sealed-reasoning.ts";
import { convertTools } from "./convert-tools.ts";
import { convertThinking, generationOf } from "./thinking.ts";

/** Gemini takes no more (ai.google.dev/api/generate-content, GenerationConfig). */
const maxStopSequences = 5;

/** Documented for calls whose signature is not at hand: history of another model (ai.google.dev, "Thought signatures"). */
const noSignature = "skip_thought_signature_validator";

type Part = Record<string, unknown>;
interface Content {
  role: "user" | "model";
  parts: Part[];
}

/**
 * The body of `generateContent`. What a caller may set and this leaves out, on purpose:
 * - `parapet`, `user`, `safety_identifier`, `metadata`, `store`, `service_tier`: see openai-compatible/convert-messages.ts.
 * - `verbosity`, `prompt_cache_*`, `cache_control`, an image's `detail`: hints that Gemini has no word for; it caches by itself.
 */
export function convertChatRequest(request: ChatRequest, card: ModelCard): Record<string, unknown> {
  refuseUnknown(request, card);
  const system = request.messages.flatMap((message) =>
    message.role === "system" || message.role === "developer" ? textParts(message.content) : [],
  );
  return withoutAbsent({
    systemInstruction: system.length === 0 ? undefined : { parts: system },
    contents: convertMessages(request.messages, generationOf(card.name) >= 3),
    ...convertTools(request),
    generationConfig: withoutAbsent({
      maxOutputTokens: request.max_completion_tokens ?? request.max_tokens,
      temperature: request.temperature,
      topP: request.top_p,
      topK: request.top_k,
      ...penalties(request, card),
      seed: request.seed,
      stopSequences: typeof request.stop === "string" ? [request.stop] : request.stop,
      ...logprobs(request),
      ...answerFormat(request.response_format),
      thinkingConfig: convertThinking(request, card),
    }),
  });
}

function refuseUnknown(request: ChatRequest, card: ModelCard): void {
  if (Array.isArray(request.stop) && request.stop.length > maxStopSequences)
    throw refused("stop", `takes at most ${maxStopSequences} stop sequences`);
  if (request.logit_bias) throw refused("logit_bias", "has no logit bias");
  if (request.tools && request.parallel_tool_calls === false)
    throw refused("parallel_tool_calls", "cannot be kept from calling tools in parallel");
  const wantsJson = request.response_format !== undefined && request.response_format.type !== "text";
  if (wantsJson && request.tools && generationOf(card.name) < 3)
    throw refused("response_format", "gives JSON or calls tools, not both, before generation 3");
}

/** Another provider may take what Gemini cannot: the next candidate is tried. */
function refused(param: string, what: string): AppError {
  return new AppError("unsupported_parameter", `Gemini ${what}.`, { param, retryable: true });
}

/** 2.5 answers them with a 400 ("Penalty is not enabled for this model"). */
function penalties(request: ChatRequest, card: ModelCard): Part {
  if (generationOf(card.name) < 3) return {};
  return { frequencyPenalty: request.frequency_penalty, presencePenalty: request.presence_penalty };
}

function logprobs(request: ChatRequest): Part {
  if (request.logprobs !== true) return {};
  return { responseLogprobs: true, logprobs: request.top_logprobs || undefined };
}

function answerFormat(format: ChatRequest["response_format"]): Part {
  if (format === undefined || format.type === "text") return {};
  const schema = format.type === "json_schema" ? format.json_schema.schema : undefined;
  return { responseMimeType: "application/json", responseJsonSchema: schema };
}

function convertMessages(messages: readonly ChatMessage[], wantsSignatures: boolean): Content[] {
  const contents: Content[] = [];
  const namesOfCalls = new Map<string, string>();
  let isAfterTool = false;
  for (const [index, message] of messages.entries()) {
    if (message.role === "assistant")
      for (const call of message.tool_calls ?? []) namesOfCalls.set(call.id, call.function.name);
    const parts = convertMessage(message, index, { namesOfCalls, wantsSignatures });
    if (parts.length === 0) continue;
    const last = contents.at(-1);
    // The answers to parallel calls belong into one turn.
    if (message.role === "tool" && isAfterTool && last !== undefined) last.parts.push(...parts);
    else contents.push({ role: message.role === "assistant" ? "model" : "user", parts });
    isAfterTool = message.role === "tool";
  }
  return contents;
}

function convertMessage(
  message: ChatMessage,
  index: number,
  { namesOfCalls, wantsSignatures }: { namesOfCalls: ReadonlyMap<string, string>; wantsSignatures: boolean },
): Part[] {
  switch (message.role) {
    case "system":
    case "developer":
      return [];
    case "user":
      return userParts(message.content, index);
    case "assistant":
      return assistantParts(message, wantsSignatures);
    case "tool":
      return [toolResponse(message, index, namesOfCalls)];
  }
}

type UserContent = Extract<ChatMessage, { role: "user" }>["content"];

function userParts(content: UserContent, index: number): Part[] {
  if (typeof content === "string") return textParts(content);
  return content.map((part, position) => {
    const path = `messages.${index}.content.${position}`;
    switch (part.type) {
      case "text":
        return { text: part.text };
      case "image_url":
        return inlineData(part.image_url.url, `${path}.image_url.url`);
      case "input_audio":
        return { inlineData: { mimeType: `audio/${part.input_audio.format}`, data: part.input_audio.data } };
      case "file":
        return inlineData(part.file.file_data, `${path}.file.file_data`);
    }
  });
}

/** Parapet fetches nothing for a caller here, and Gemini is not asked to: the bytes come with the request. */
function inlineData(url: string, param: string): Part {
  const match = /^data:([^;,]+);base64,/.exec(url);
  if (match === null) throw refused(param, "is sent images as data: URLs with base64 only");
  return { inlineData: { mimeType: match[1], data: url.slice(match[0].length) } };
}

function assistantParts(message: Extract<ChatMessage, { role: "assistant" }>, wantsSignatures: boolean): Part[] {
  const { content, refusal, tool_calls: calls = [], thinking_blocks: blocks = [] } = message;
  const texts = textParts(content ?? refusal ?? "");
  const signature = blocks.map(googleSignatureIn).findLast((each) => each !== null) ?? null;
  // Where Gemini puts it: on the last text, which may be an empty one.
  if (signature !== null && calls.length === 0) {
    const last = texts.pop() ?? { text: "" };
    texts.push({ ...last, thoughtSignature: signature });
  }
  const functionCalls = calls.map((call, index) => {
    const given = call.extra_content?.google.thought_signature;
    // Of parallel calls only the first has one, and without it the request is refused.
    const thoughtSignature = given ?? (wantsSignatures && index === 0 ? noSignature : undefined);
    return withoutAbsent({
      functionCall: { id: call.id, name: call.function.name, args: readArguments(call.function.arguments) },
      thoughtSignature,
    });
  });
  return [...texts, ...functionCalls];
}

function toolResponse(
  message: Extract<ChatMessage, { role: "tool" }>,
  index: number,
  namesOfCalls: ReadonlyMap<string, string>,
): Part {
  const name = namesOfCalls.get(message.tool_call_id);
  if (name === undefined) {
    throw new AppError("invalid_request", "No earlier message has a tool call of this id.", {
      param: `messages.${index}.tool_call_id`,
    });
  }
  const text = textParts(message.content)
    .map((part) => part["text"])
    .join("\n");
  // `output` is Gemini's own key for a result that is no object.
  return { functionResponse: { id: message.tool_call_id, name, response: readObject(text) ?? { output: text } } };
}

/** What is no JSON object is still shown to the model, as the text it was. */
function readArguments(text: string): Part {
  return readObject(text) ?? (text.trim() === "" ? {} : { arguments: text });
}

function readObject(text: string): Part | null {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

type TextContent = string | readonly ({ type: "text"; text: string } | { type: "refusal"; refusal: string })[];

/** Gemini refuses a part without text. */
function textParts(content: TextContent): Part[] {
  const texts =
    typeof content === "string" ? [content] : content.map((part) => (part.type === "text" ? part.text : part.refusal));
  return texts.filter((text) => text !== "").map((text) => ({ text }));
}

function withoutAbsent(body: Part): Part {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined && value !== null));
}
