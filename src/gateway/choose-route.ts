import { AppError } from "../core/errors.ts";
import type { ChatRequest } from "../core/chat.ts";
import { tiers, type ModelCapability, type ModelCard, type Tier } from "../core/model.ts";
import { upperBoundOf } from "../core/money.ts";
import type { PromptSize } from "./estimate-tokens.ts";
import { modelNotFound } from "./model-not-found.ts";
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
}

export interface RouteInput {
  request: ChatRequest;
  /** Grounding included. */
  prompt: PromptSize;
  /** Tokens that the caller wrote: the sources of a grounded question make it no harder. */
  ownTokens: number;
  models: { find(id: string): ModelCard | null; listForTier(tier: Tier): ModelCard[]; list(): ModelCard[] };
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
    return { tier: first.card.tier, candidates: [first, ...rest], reason: `the request names ${id}${note}` };
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

function chooseTier({ request, ownTokens }: RouteInput): { tier: Tier; reason: string } {
  if (request.parapet?.requires_reasoning === true)
    return { tier: "reasoning", reason: "auto: the request requires reasoning" };
  if (request.parapet?.latency_critical === true)
    return { tier: "fast", reason: "auto: the request is latency critical" };
  const { tier, score, signals } = scoreComplexity(request, ownTokens);
  const why = signals.length === 0 ? "no sign of complexity" : signals.join(", ");
  return { tier, reason: `auto: complexity ${score.toFixed(2)} (${why}) asks for ${tier}` };
}

function routeTier(input: RouteInput, { tier, reason }: { tier: Tier; reason: string }): RoutePlan {
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
    return { tier: first.card.tier, candidates: [first, ...rest], reason: reason + note };
  }
  const cheapest = usableOf(order).toSorted((left, right) => left.boundMicros - right.boundMicros)[0];
  if (cheapest !== undefined) throw budgetTooSmall(cheapest.boundMicros, budget);
  throw noModel(input, order);
}

/** Why a model cannot serve a request at all, or `null`. */
function obstacleOf(card: ModelCard, { request, prompt }: RouteInput): AppError | null {
  if (request.parapet?.sensitive === true && !card.staysAtEdge) {
    return new AppError("invalid_request", `${card.id} leaves the edge, and the request is marked sensitive.`, {
      param: "parapet.sensitive",
    });
  }
  const missing = neededCapabilities(request).find((capability) => !card.capabilities.includes(capability));
  if (missing !== undefined) {
    return new AppError("unsupported_parameter", `${card.id} does not support ${missing}.`, {
      param: paramOf[missing],
    });
  }
  if (card.price === null) {
    return new AppError(
      "price_unknown",
      `The price of ${card.id} is not known, so its cost cannot be bounded: set one in PARAPET_PRICES.`,
    );
  }
  if (prompt.expected >= card.contextWindow) {
    return new AppError(
      "context_length_exceeded",
      `The request has about ${prompt.expected} tokens; ${card.id} takes ${card.contextWindow}.`,
      {
        param: "messages",
      },
    );
  }
  return null;
}

const paramOf = {
  tools: "tools",
  json_schema: "response_format",
  images: "messages",
  reasoning: "reasoning_effort",
  audio: "messages",
  files: "messages",
  logprobs: "logprobs",
} satisfies Record<ModelCapability, string>;

function neededCapabilities(request: ChatRequest): ModelCapability[] {
  const needed: ModelCapability[] = [];
  if (request.tools !== undefined) needed.push("tools");
  if (request.response_format?.type === "json_schema") needed.push("json_schema");
  const kinds = new Set(
    request.messages.flatMap(({ content }) => (Array.isArray(content) ? content.map((part) => part.type) : [])),
  );
  if (kinds.has("image_url")) needed.push("images");
  if (kinds.has("input_audio")) needed.push("audio");
  if (kinds.has("file")) needed.push("files");
  if (request.logprobs === true) needed.push("logprobs");
  return needed;
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
