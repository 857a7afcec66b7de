import type { ChatRequest, FinishReason, ToolCall } from "./chat.ts";
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
  /** Content stays on Cloudflare's or the developer's own machine: the only models a `sensitive` request may reach. */
  staysAtEdge: boolean;
}

export type ModelCapability = "tools" | "json_schema" | "images" | "reasoning";

export interface ModelCall {
  card: ModelCard;
  /** Validated and screened; `model` still carries what the client asked for, the provider sends `card.name`. */
  request: ChatRequest;
  signal: AbortSignal;
  traceparent: string;
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
  usage: TokenUsage | null;
}

/** A piece of a streamed answer. The stream succeeded only if a `finish` part was seen. */
export type StreamPart =
  | { type: "start"; id: string; model: string }
  | { type: "text-delta"; text: string }
  | { type: "refusal-delta"; text: string }
  | { type: "tool-call-delta"; index: number; id?: string; name?: string; arguments: string }
  | { type: "finish"; reason: FinishReason }
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
