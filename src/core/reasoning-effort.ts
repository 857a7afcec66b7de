import type { ChatRequest } from "./chat.ts";

export type ReasoningEffort = NonNullable<ChatRequest["reasoning_effort"]>;

/** Up to here a budget of thinking tokens is little, and up to there much; between Anthropic's minimum of 1,024 and its usual 16,000. */
const lowBudget = 4_096;
const mediumBudget = 16_384;

/** How hard the request asks a model to think, for providers that know efforts only; `undefined` leaves it to the model. */
export function effortOf({ reasoning_effort: effort, thinking }: ChatRequest): ReasoningEffort | undefined {
  if (effort !== undefined && effort !== null) return effort;
  if (thinking === undefined || thinking === null || thinking.type === "adaptive") return undefined;
  if (thinking.type === "disabled") return "none";
  if (thinking.budget_tokens <= lowBudget) return "low";
  return thinking.budget_tokens <= mediumBudget ? "medium" : "high";
}
