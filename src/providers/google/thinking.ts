import type { ChatRequest } from "../../core/chat.ts";
import type { ModelCard } from "../../core/model.ts";

type Effort = NonNullable<ChatRequest["reasoning_effort"]>;

/**
 * How much a Gemini model is to think. From generation 3 on it takes a level and refuses a budget; 2.5 takes a budget only
 * (docs.cloud.google.com, "Thinking"; "You can only set only one of thinking budget and thinking level"). Levels that a
 * model does not have become the next one it has; no model from generation 3 on can be kept from thinking.
 */
export function convertThinking(request: ChatRequest, card: ModelCard): Record<string, unknown> | undefined {
  if (!card.capabilities.includes("reasoning")) return undefined;
  const { thinking } = request;
  const isShown =
    thinking !== null && thinking !== undefined && thinking.type !== "disabled" && thinking.display !== "omitted";
  const amount = generationOf(card.name) < 3 ? budgetFor(request, card.name) : levelFor(request, card.name);
  if (!isShown && amount === undefined) return undefined;
  return { ...amount, ...(isShown ? { includeThoughts: true } : {}) };
}

/** `3` for `gemini-3.8-flash`, `2` for `gemini-2.5-pro`; what names no number is taken for the newest. */
export function generationOf(name: string): number {
  return Number(/^gemini-(\d+)/.exec(name)?.[1] ?? Infinity);
}

/** Others refuse it, 3.1 Pro, Flash from 3.7 on and Gemini 4 among them ("Thinking level MINIMAL is not supported for this model"). */
const hasMinimal = /^gemini-3(?:\.[15])?-flash/;

const levels = {
  none: "minimal",
  minimal: "minimal",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "high",
} as const satisfies Record<Effort, string>;

function levelFor(request: ChatRequest, name: string): { thinkingLevel: string } | undefined {
  const effort = effortOf(request);
  if (effort === null) return undefined;
  const level = levels[effort];
  return { thinkingLevel: level === "minimal" && !hasMinimal.test(name) ? "low" : level };
}

/** Tokens of thought by effort, as Google's own OpenAI-compatible layer has them (ai.google.dev/gemini-api/docs/openai). */
const budgets = {
  none: 0,
  minimal: 1_024,
  low: 1_024,
  medium: 8_192,
  high: 24_576,
  xhigh: 24_576,
} as const satisfies Record<Effort, number>;

function budgetFor(request: ChatRequest, name: string): { thinkingBudget: number } | undefined {
  const { thinking } = request;
  const effort = effortOf(request);
  const wanted = thinking?.type === "enabled" ? thinking.budget_tokens : effort === null ? null : budgets[effort];
  if (wanted === null) return undefined;
  // 2.5 Pro always thinks; Flash takes less than Pro.
  const isPro = name.includes("-pro");
  return { thinkingBudget: Math.min(Math.max(wanted, isPro ? 128 : 0), isPro ? 32_768 : 24_576) };
}

/** The effort asked for in either way of asking; `null` leaves it to the model. */
function effortOf({ thinking, reasoning_effort: effort }: ChatRequest): Effort | null {
  if (effort !== null && effort !== undefined) return effort;
  if (thinking?.type === "disabled") return "none";
  if (thinking?.type !== "enabled") return null;
  if (thinking.budget_tokens <= budgets.low * 2) return "low";
  return thinking.budget_tokens <= budgets.medium ? "medium" : "high";
}
