import { chatRequest, type ChatRequest } from "../../src/core/chat.ts";
import type { ModelCard } from "../../src/core/model.ts";
import type { Principal } from "../../src/core/principal.ts";
import type { AnswerFacts } from "../../src/gateway/answer-key.ts";
import type { Answer } from "../../src/gateway/completion.ts";

export const card: ModelCard = {
  id: "scripted/ok",
  provider: "scripted",
  name: "ok",
  kind: "chat",
  tier: "standard",
  contextWindow: 10_000,
  maxOutputTokens: 1_000,
  capabilities: [],
  price: null,
  staysAtEdge: false,
};

/** A principal as far as the cache looks at one. */
export function reader(more: Partial<AnswerFacts["principal"]> = {}): AnswerFacts["principal"] {
  return {
    projectId: "prj_default",
    subjectId: "sub_alice",
    groups: [],
    roles: [],
    scopes: new Set<"chat">(["chat"]) satisfies Principal["scopes"],
    ...more,
  };
}

export function ask(more: object = {}): ChatRequest {
  return chatRequest.parse({ model: "auto", messages: [{ role: "user", content: "Hello" }], ...more });
}

export function answerOf(content: string, more: Partial<Answer> = {}): Answer {
  return {
    model: card.id,
    content,
    refusal: null,
    toolCalls: [],
    thinking: [],
    logprobs: null,
    finishReason: "stop",
    stopSequence: null,
    usage: { inputTokens: 3, cachedInputTokens: 0, outputTokens: 2, reasoningTokens: 0, estimated: false },
    generated: true,
    degraded: false,
    grounding: "none",
    citations: [],
    unsupportedSentences: 0,
    ...more,
  };
}
