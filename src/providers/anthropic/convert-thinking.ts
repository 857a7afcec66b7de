import type { ChatRequest } from "../../core/chat.ts";
import { AppError } from "../../core/errors.ts";
import type { ModelCard } from "../../core/model.ts";
import type { ModelFeatures } from "./model-features.ts";

export interface WireThinking {
  /** Absent: what the model does by itself. */
  thinking?: Record<string, unknown>;
  effort?: Effort;
  /** Whether the model may think during this call: sampling and forced tools are refused then. */
  mayThink: boolean;
}

type Effort = "low" | "medium" | "high" | "xhigh";

/** Anthropic's smallest budget. */
const minBudgetTokens = 1_024;
/** What an effort is in tokens, for models that know budgets only. */
const budgetOf = { minimal: 1_024, low: 2_048, medium: 8_192, high: 16_384, xhigh: 32_768 } as const;
/** And back, for models that know efforts only. */
const lowUpTo = 4_096;
const mediumUpTo = 16_384;

/** How much a model is told to think. An effort and a budget are each translated to what the model knows. */
export function convertThinking(
  request: ChatRequest,
  { card, features, maxTokens }: { card: ModelCard; features: ModelFeatures; maxTokens: number },
): WireThinking {
  const isForced = forcesTool(request);
  if (isForced && (!features.takesForcedTools || isAskedFor(request))) {
    throw new AppError("unsupported_parameter", `The model ${card.id} cannot be made to call a tool while it thinks.`, {
      param: "tool_choice",
      retryable: true,
    });
  }
  const asked = isForced ? { ...request, thinking: { type: "disabled" as const } } : request;
  return features.thinking === "budgeted" ? asBudget(asked, maxTokens) : asEffort(asked, features);
}

/** True where the choice among tools leaves the model none but to call one. */
export function forcesTool({ tools, tool_choice: choice }: ChatRequest): boolean {
  if (!tools || choice === undefined || choice === "auto" || choice === "none") return false;
  if (choice === "required" || choice.type === "function") return true;
  return choice.allowed_tools.mode === "required";
}

function isAskedFor({ thinking }: ChatRequest): boolean {
  return thinking?.type === "adaptive" || thinking?.type === "enabled";
}

function asEffort({ thinking, reasoning_effort: asked }: ChatRequest, features: ModelFeatures): WireThinking {
  const isOff = thinking?.type === "disabled" || (asked === "none" && !thinking);
  if (isOff) {
    switch (features.thinking) {
      case "optional":
        return { thinking: { type: "disabled" }, mayThink: false };
      case "between_tools":
        return { thinking: { type: "between_tools" }, mayThink: true };
      case "always":
      case "budgeted":
        return { effort: "low", mayThink: true };
    }
  }
  const effort = asked ? effortOf(asked) : thinking?.type === "enabled" ? fromBudget(thinking.budget_tokens) : null;
  const display = thinking !== null && thinking !== undefined && "display" in thinking ? thinking.display : undefined;
  return {
    ...(thinking || asked ? { thinking: { type: "adaptive", ...(display === undefined ? {} : { display }) } } : {}),
    ...(effort === null ? {} : { effort }),
    mayThink: true,
  };
}

function asBudget({ thinking, reasoning_effort: asked }: ChatRequest, maxTokens: number): WireThinking {
  const isOff = thinking?.type === "disabled" || (asked === "none" && !thinking) || (!thinking && !asked);
  const wished =
    thinking?.type === "enabled" ? thinking.budget_tokens : budgetOf[!asked || asked === "none" ? "medium" : asked];
  // The answer needs room too: a budget must lie below `max_tokens`.
  const budget = Math.min(wished, maxTokens - 1);
  if (isOff || budget < minBudgetTokens) return { mayThink: false };
  return { thinking: { type: "enabled", budget_tokens: budget }, mayThink: true };
}

function effortOf(asked: NonNullable<ChatRequest["reasoning_effort"]>): Effort {
  return asked === "none" || asked === "minimal" ? "low" : asked;
}

function fromBudget(tokens: number): Effort {
  if (tokens <= lowUpTo) return "low";
  return tokens <= mediumUpTo ? "medium" : "high";
}
