import type { ChatMessage, ChatRequest, ThinkingBlock, ToolCall } from "../../core/chat.ts";
import type { ModelCard } from "../../core/model.ts";
import { googleSignatureIn, openaiReasoningIn } from "../../core/sealed-reasoning.ts";
import { convertContent, marked, notTaken, type WireBlock } from "./convert-content.ts";
import { convertThinking } from "./convert-thinking.ts";
import { convertTools } from "./convert-tools.ts";
import { featuresOf } from "./model-features.ts";
import { toOutputSchema } from "./output-schema.ts";

interface WireMessage {
  role: "user" | "assistant";
  content: WireBlock[];
}

/** A conversation must begin with its user; where it does not, these are the words of a user who said nothing. */
const silence = ".";

/**
 * The body of a Messages call. What a caller may set and this leaves out, on purpose:
 * - `parapet`: ours, never the provider's.
 * - `user`, `metadata`, `safety_identifier`: who asks stays in Parapet, whose audit log answers that question.
 * - `seed`, `frequency_penalty`, `presence_penalty`, `logit_bias`, `verbosity`: Claude has no such thing.
 * - `temperature`, `top_p`, `top_k` where the model thinks or is newer than 4.5: it answers them with a 400, and a caller of
 *   `auto` cannot know which model will answer.
 * Throws `unsupported_parameter`, which another candidate may not, for what Claude cannot do at all.
 */
export function convertChatRequest(request: ChatRequest, card: ModelCard): Record<string, unknown> {
  const features = featuresOf(card.name);
  const maxTokens = request.max_completion_tokens ?? request.max_tokens ?? card.maxOutputTokens;
  const { thinking, effort, mayThink } = convertThinking(request, { card, features, maxTokens });
  const system = request.messages.flatMap((message) => (isSystem(message) ? convertContent(message.content) : []));
  const outputConfig = { ...(effort === undefined ? {} : { effort }), ...outputFormat(request) };
  return {
    model: card.name,
    max_tokens: maxTokens,
    ...(system.length === 0 ? {} : { system }),
    messages: convertMessages(request.messages, { card, takesPrefill: card.prefill === true && !mayThink }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(Object.keys(outputConfig).length === 0 ? {} : { output_config: outputConfig }),
    ...(features.takesSampling && !mayThink ? sampling(request) : {}),
    ...stopSequences(request),
    ...convertTools(request),
    // Priority capacity has a price of its own, and requests were admitted at the standard one.
    service_tier: "standard_only",
    ...(request.stream === true ? { stream: true } : {}),
  };
}

function convertMessages(
  messages: ChatMessage[],
  { card, takesPrefill }: { card: ModelCard; takesPrefill: boolean },
): WireMessage[] {
  const turns: WireMessage[] = [];
  for (const message of messages) {
    if (isSystem(message)) continue;
    const role = message.role === "assistant" ? "assistant" : "user";
    const content = convertMessage(message);
    if (content.length === 0) continue;
    const last = turns.at(-1);
    // Roles alternate; the results of a turn's tools, and what the user adds to them, are one turn.
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content });
  }
  if (turns[0]?.role !== "user") turns.unshift({ role: "user", content: [{ type: "text", text: silence }] });
  const last = turns.at(-1);
  if (last?.role === "assistant") {
    if (!takesPrefill) {
      throw notTaken(
        `The model ${card.id} does not continue a message of the assistant: end with the user's.`,
        "messages",
      );
    }
    last.content = withoutTrailingSpace(last.content);
  }
  return turns;
}

function convertMessage(message: Exclude<ChatMessage, { role: "system" | "developer" }>): WireBlock[] {
  switch (message.role) {
    case "user":
      return convertContent(message.content);
    case "tool":
      return [
        {
          type: "tool_result",
          tool_use_id: wireId(message.tool_call_id),
          content: convertContent(message.content),
          ...marked(message),
        },
      ];
    case "assistant":
      return [
        ...(message.thinking_blocks ?? []).flatMap(convertThinkingBlock),
        ...assistantText(message),
        ...(message.tool_calls ?? []).map(convertToolCall),
      ];
  }
}

/** As text, the model still sees that it refused. */
function assistantText(message: Extract<ChatMessage, { role: "assistant" }>): WireBlock[] {
  const { content, refusal } = message;
  if (!Array.isArray(content)) return convertContent(content || refusal || "");
  const parts = content.map((part) => (part.type === "text" ? part : { type: "text" as const, text: part.refusal }));
  return convertContent(parts);
}

/** Only Claude's own thinking goes back: what is unsigned, or sealed for another provider, it would refuse. */
function convertThinkingBlock(block: ThinkingBlock): WireBlock[] {
  if (block.type === "redacted_thinking") {
    const isSealedElsewhere = openaiReasoningIn(block) !== null || googleSignatureIn(block) !== null;
    return isSealedElsewhere ? [] : [{ ...block }];
  }
  return block.signature === undefined || block.signature === "" ? [] : [{ ...block }];
}

function convertToolCall({ id, function: { name, arguments: json } }: ToolCall): WireBlock {
  return { type: "tool_use", id: wireId(id), name, input: parseArguments(json) };
}

/** Anthropic's ids have letters, digits, `_` and `-`; other providers' calls may be part of a conversation. */
function wireId(id: string): string {
  return id.replace(/[^a-zA-Z0-9_-]/g, "_");
}

/** Anthropic takes objects only. What a model once wrote that is none stands for no arguments. */
function parseArguments(json: string): unknown {
  try {
    const value: unknown = JSON.parse(json);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

/** Anthropic refuses a last message of the assistant that ends with white space. */
function withoutTrailingSpace(content: WireBlock[]): WireBlock[] {
  const last = content.at(-1);
  if (last?.type !== "text" || typeof last["text"] !== "string") return content;
  const text = last["text"].trimEnd();
  return text === "" ? content.slice(0, -1) : [...content.slice(0, -1), { ...last, text }];
}

/** Claude has no JSON mode without a schema; there the gateway's validation and repair are all there is. */
function outputFormat({ response_format: format }: ChatRequest): Record<string, unknown> {
  if (format?.type !== "json_schema" || format.json_schema.schema === undefined) return {};
  const schema = toOutputSchema(format.json_schema.schema);
  return schema === null ? {} : { format: { type: "json_schema", schema } };
}

/** Anthropic's temperature ends at 1, and its models take no `top_p` beside it. */
function sampling({ temperature, top_p: topP, top_k: topK }: ChatRequest): Record<string, unknown> {
  const hasTemperature = temperature !== null && temperature !== undefined;
  return {
    ...(hasTemperature ? { temperature: Math.min(temperature, 1) } : {}),
    ...(topP === null || topP === undefined || hasTemperature ? {} : { top_p: topP }),
    ...(topK === null || topK === undefined ? {} : { top_k: topK }),
  };
}

function stopSequences({ stop }: ChatRequest): Record<string, unknown> {
  if (stop === null || stop === undefined) return {};
  const sequences = [stop].flat();
  if (sequences.some((sequence) => sequence.trim() === ""))
    throw notTaken("Claude takes no stop sequence of white space alone.", "stop");
  return { stop_sequences: sequences };
}

function isSystem(message: ChatMessage): message is Extract<ChatMessage, { role: "system" | "developer" }> {
  return message.role === "system" || message.role === "developer";
}
