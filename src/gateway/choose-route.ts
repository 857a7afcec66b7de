import { AppError } from "../core/errors.ts";
import type { ChatRequest } from "../core/chat.ts";
import { tiers, type ModelCard, type Tier } from "../core/model.ts";
import { upperBoundOf } from "../core/money.ts";
import type { PromptSize } from "./estimate-tokens.ts";
import { modelNotFound } from "./model-not-found.ts";
import { obstacleOf } from "./obstacle.ts";
import { scoreComplexity } from "./score-complexity.ts";

/** A model that may answer, and what it can cost at most: with its cap, and with the lowest. */
export interface Candidate {
  card: ModelCard;
  /** Cap on generated tokens: the caller's, or the tier's default. */
  maxOutputTokens: number;
  boundMicros: number;
  leastBoundMicros: number;
}

export interface RoutePlan {
  /** `null` when the caller named a model. */
  tier: Tier | null;
  /** In the order in which they are tried; never empty. */
  candidates: [Candidate, ...Candidate[]];
  /** A sentence a person can read. */
  reason: string;
  /** The predicted gain of a strong model, and what it was held against; `null` where it had no part in the choice. */
  score: number | null;
  threshold: number | null;
}

interface TierChoice {
  tier: Tier;
  reason: string;
  score?: number;
  threshold?: number;
}

export interface RouteInput {
  request: ChatRequest;
  /** Grounding included. */
  prompt: PromptSize;
  /** Tokens that the caller wrote: the sources of a grounded question make it no harder. */
  ownTokens: number;
  models: { find(id: string): ModelCard | null; listForTier(tier: Tier): ModelCard[]; list(): ModelCard[] };
  /** The share of usual prompts that `auto` sends beyond the fast tier, 0 to 1. */
  strongShare: number;
  /** Whether the caller may be answered by a model; without it, by every one. */
  mayUse?: (card: ModelCard) => boolean;
}

/** Answers longer than this must be asked for: an uncapped call would have to reserve the model's whole window. */
const defaultMaxOutputTokens = { fast: 1_024, standard: 4_096, reasoning: 16_384 } satisfies Record<Tier, number>;

/** Where to turn when no model of a tier can serve: the next better, then the next cheaper. */
const fallbackTiers = {
  fast: ["standard", "reasoning"],
  standard: ["reasoning", "fast"],
  reasoning: ["standard", "fast"],
} satisfies Record<Tier, Tier[]>;

/** The same when it is the budget that stands in the way: the next cheaper first. */
const cheaperFirst = {
  fast: ["standard", "reasoning"],
  standard: ["fast", "reasoning"],
  reasoning: ["standard", "fast"],
} satisfies Record<Tier, Tier[]>;

/** Decides which models may answer, in order, and says why. Pure. Throws when none may. */
export function chooseRoute(given: RouteInput): RoutePlan {
  const input = { ...given, models: permitted(given) };
  const { model, parapet } = input.request;
  const isTier = model === "auto" || tiers.some((name) => name === model);
  if (isTier && parapet?.fallbacks !== undefined) {
    throw new AppError("invalid_request", "parapet.fallbacks go with a named model: a tier has fallbacks of its own.", {
      param: "parapet.fallbacks",
    });
  }
  if (model === "auto") return routeTier(input, chooseTier(input));
  const tier = tiers.find((name) => name === model);
  if (tier !== undefined) return routeTier(input, { tier, reason: `the request names the tier ${tier}` });
  return routeModel(input, model);
}

/** Of the models that the request could mean, those that are no candidates, and why. */
export function listObstacles(given: RouteInput, { candidates }: RoutePlan): { card: ModelCard; obstacle: AppError }[] {
  const input = { ...given, models: permitted(given) };
  const { model, parapet } = input.request;
  const isTier = model === "auto" || tiers.some((name) => name === model);
  const meant = isTier
    ? tiers.flatMap((tier) => input.models.listForTier(tier))
    : [model, ...(parapet?.fallbacks ?? [])].flatMap((id) => input.models.find(id) ?? []);
  return meant
    .filter((card) => candidates.every((candidate) => candidate.card.id !== card.id))
    .map((card) => ({
      card,
      obstacle: obstacleOf(card, input) ?? budgetTooSmall(toCandidate(card, input).boundMicros, budgetOf(input)),
    }));
}

/** To a caller's route, models that it may not use do not exist. */
function permitted({ models, mayUse }: RouteInput): RouteInput["models"] {
  if (mayUse === undefined) return models;
  return {
    find(id) {
      const card = models.find(id);
      return card !== null && mayUse(card) ? card : null;
    },
    listForTier: (tier) => models.listForTier(tier).filter(mayUse),
    list: () => models.list().filter(mayUse),
  };
}

/** The model that was named and the fallbacks that were named with it: those that can serve, in the caller's order. */
function routeModel(input: RouteInput, id: string): RoutePlan {
  const fallbacks = input.request.parapet?.fallbacks ?? [];
  const cards = [findChat(input, id, "model"), ...fallbacks.map((name) => findChat(input, name, "parapet.fallbacks"))];
  const budget = budgetOf(input);
  const candidates = cards.filter((card) => obstacleOf(card, input) === null).map((card) => toCandidate(card, input));
  const [first, ...rest] = candidates.filter(({ boundMicros }) => boundMicros <= budget);
  if (first !== undefined) {
    const note = first.card.id === id ? "" : `, which cannot serve it; ${first.card.id} can`;
    const reason = `the request names ${id}${note}`;
    return { tier: first.card.tier, candidates: [first, ...rest], reason, score: null, threshold: null };
  }
  const [cheapest] = candidates.toSorted((left, right) => left.boundMicros - right.boundMicros);
  if (cheapest !== undefined) throw budgetTooSmall(cheapest.boundMicros, budget);
  for (const card of cards) {
    const obstacle = obstacleOf(card, input);
    if (obstacle !== null) throw obstacle;
  }
  throw notFound(input, id, "model");
}

function findChat(input: RouteInput, id: string, param: string): ModelCard {
  const card = input.models.find(id);
  if (card === null || card.kind !== "chat") throw notFound(input, id, param);
  return card;
}

function notFound({ models }: RouteInput, id: string, param: string): AppError {
  return modelNotFound(
    id,
    param,
    models.list().filter((card) => card.kind === "chat"),
  );
}

function chooseTier({ request, ownTokens, strongShare }: RouteInput): TierChoice {
  if (request.parapet?.requires_reasoning === true)
    return { tier: "reasoning", reason: "auto: the request requires reasoning" };
  if (request.parapet?.latency_critical === true)
    return { tier: "fast", reason: "auto: the request is latency critical" };
  const { tier, score, threshold, floor } = scoreComplexity(request, ownTokens, strongShare);
  const scored = `auto: score ${score.toFixed(4)}`;
  if (floor !== null) return { tier, reason: `${scored}, but ${floor}: at least ${tier}`, score, threshold };
  const side = score < threshold ? "below" : "not below";
  return { tier, reason: `${scored} is ${side} ${threshold.toFixed(4)}: ${tier}`, score, threshold };
}

function routeTier(input: RouteInput, { tier, reason, score, threshold }: TierChoice): RoutePlan {
  const budget = budgetOf(input);
  const order: Tier[] = [tier, ...fallbackTiers[tier]];
  const usableOf = (names: Tier[]) =>
    names
      .flatMap((name) => input.models.listForTier(name))
      .filter((card) => obstacleOf(card, input) === null)
      .map((card) => toCandidate(card, input));
  const affordableOf = (names: Tier[]) => usableOf(names).filter((candidate) => candidate.boundMicros <= budget);

  const wanted = usableOf([tier]);
  const overBudget = wanted.length > 0 && affordableOf([tier]).length === 0;
  const [first, ...rest] = affordableOf(overBudget ? cheaperFirst[tier] : order);
  if (first !== undefined) {
    const note = overBudget
      ? `; the budget of ${budget} micro-USD allows ${first.card.tier}`
      : wanted.length === 0
        ? `; no ${tier} model can serve it, ${first.card.tier} can`
        : "";
    return {
      tier: first.card.tier,
      candidates: [first, ...rest],
      reason: reason + note,
      score: score ?? null,
      threshold: threshold ?? null,
    };
  }
  const cheapest = usableOf(order).toSorted((left, right) => left.boundMicros - right.boundMicros)[0];
  if (cheapest !== undefined) throw budgetTooSmall(cheapest.boundMicros, budget);
  throw noModel(input, order);
}

function toCandidate(card: ModelCard, { request, prompt }: RouteInput): Candidate {
  const asked = request.max_completion_tokens ?? request.max_tokens ?? defaultMaxOutputTokens[card.tier ?? "standard"];
  const maxOutputTokens = Math.min(asked, card.maxOutputTokens, card.contextWindow - prompt.expected);
  // obstacleOf refuses a card without a price before this.
  const boundWith = (output: number) =>
    card.price === null ? 0 : upperBoundOf({ input: prompt.bound, output }, card.price);
  return { card, maxOutputTokens, boundMicros: boundWith(maxOutputTokens), leastBoundMicros: boundWith(1) };
}

function budgetOf({ request }: RouteInput): number {
  return request.parapet?.budget?.max_cost_micros ?? Infinity;
}

function budgetTooSmall(neededMicros: number, budgetMicros: number): AppError {
  return new AppError(
    "budget_too_small",
    `The request may cost up to ${neededMicros} micro-USD; its budget is ${budgetMicros}. Raise the budget or lower max_completion_tokens.`,
    { param: "parapet.budget.max_cost_micros" },
  );
}

/** The most helpful of the obstacles: the first model's own, or that there is no model at all. */
function noModel(input: RouteInput, order: Tier[]): AppError {
  for (const card of order.flatMap((tier) => input.models.listForTier(tier))) {
    const obstacle = obstacleOf(card, input);
    if (obstacle !== null) return obstacle;
  }
  if (input.mayUse !== undefined)
    return new AppError("model_unavailable", "None of the models you may use is configured.");
  return new AppError(
    "model_unavailable",
    "No model is configured: set OPENAI_API_KEY or PARAPET_PROVIDERS, or start the local model with `npm run dev`.",
  );
}
