import type { ChatRequest, ChoiceLogprob, FinishReason, ThinkingBlock, ToolCall } from "./chat.ts";
import type { TokenPrice, TokenUsage } from "./money.ts";

export const tiers = ["fast", "standard", "reasoning"] as const;
export type Tier = (typeof tiers)[number];

/** One model of one provider, as the registry knows it. */
export interface ModelCard {
  /** `provider/model`, as clients name it. */
  id: string;
  provider: string;
  /** The name the provider knows it by. */
  name: string;
  kind: "chat" | "embedding";
  /** The tier it serves, or `null` when only its full name reaches it. */
  tier: Tier | null;
  /** Tokens of prompt and answer together. */
  contextWindow: number;
  maxOutputTokens: number;
  capabilities: readonly ModelCapability[];
  /** `null` is an explicit state: nothing is known, so nothing may be admitted. */
  price: TokenPrice | null;
  /** A conversation that ends with the assistant's own words is continued there. Absent: it is not. */
  prefill?: boolean;
  /** Prices the vendor has announced, oldest first, each from a moment on: the registry hands out the one in force. */
  nextPrices?: readonly { fromMs: number; price: TokenPrice }[];
  /** Content stays on Cloudflare's or the developer's own machine: the only models a `sensitive` request may reach. */
  staysAtEdge: boolean;
}

export const modelCapabilities = ["tools", "json_schema", "images", "reasoning", "audio", "files", "logprobs"] as const;
export type ModelCapability = (typeof modelCapabilities)[number];

/** What a provider says is left of a limit of its own, e.g. in `x-ratelimit-remaining-requests`. */
export interface UpstreamLimit {
  kind: "requests" | "tokens";
  remaining: number;
  /** When it is whole again, in milliseconds from now. */
  resetMs: number;
}

export interface ModelCall {
  card: ModelCard;
  /** Validated and screened; `model` still carries what the client asked for, the provider sends `card.name`. */
  request: ChatRequest;
  signal: AbortSignal;
  traceparent: string;
  /** Hears what the response's headers say of the provider's own limits, successes and refusals alike. */
  onLimits?(limits: UpstreamLimit[]): void;
}

export interface ChatResult {
  /** The provider's id of the completion. */
  id: string;
  /** The model that answered, as the provider names it. */
  model: string;
  content: string | null;
  refusal: string | null;
  toolCalls: ToolCall[];
  finishReason: FinishReason;
  /** Which of the request's stop sequences ended the answer, where the provider says so. */
  stopSequence?: string;
  thinking?: ThinkingBlock[];
  logprobs?: ChoiceLogprob[];
  usage: TokenUsage | null;
}

/** A piece of a streamed answer. The stream succeeded only if a `finish` part was seen. */
export type StreamPart =
  | { type: "start"; id: string; model: string }
  | { type: "text-delta"; text: string }
  | { type: "refusal-delta"; text: string }
  | {
      type: "tool-call-delta";
      index: number;
      id?: string;
      name?: string;
      arguments: string;
      extraContent?: ToolCall["extra_content"];
    }
  /** Thinking as it comes; `thinking-end` follows with the whole block. */
  | { type: "thinking-delta"; text: string }
  | { type: "thinking-end"; block: ThinkingBlock }
  /** Of the text deltas since the last such part. */
  | { type: "logprobs"; content: ChoiceLogprob[] }
  | { type: "finish"; reason: FinishReason; stopSequence?: string }
  | { type: "usage"; usage: TokenUsage };

/** What every provider implements. Failures are thrown as `AppError` with an `upstream_*` code and `retryable` decided. */
export interface ChatModel {
  chat(call: ModelCall): Promise<ChatResult>;
  /** Resolves once the provider has accepted the call; cancelling the stream aborts it. */
  stream(call: ModelCall): Promise<ReadableStream<StreamPart>>;
}

export interface EmbeddingCall {
  card: ModelCard;
  inputs: string[];
  dimensions?: number;
  signal: AbortSignal;
  traceparent: string;
}

export interface EmbeddingResult {
  model: string;
  vectors: number[][];
  usage: TokenUsage | null;
}

export interface EmbeddingModel {
  embed(call: EmbeddingCall): Promise<EmbeddingResult>;
}
