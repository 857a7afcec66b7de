import { systemClock, type Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { ChatModel, EmbeddingModel, ModelCard, Tier } from "../core/model.ts";

/** The models this deployment can call. */
export interface ModelRegistry {
  /**
   * By `provider/model`, or by the model's name alone where one provider offers it or one of them is its vendor. `null` for a
   * model that is unknown or whose provider has no credentials.
   */
  find(id: string): ModelCard | null;
  /** The chat models of a tier, in the order in which they are to be tried. */
  listForTier(tier: Tier): ModelCard[];
  list(): ModelCard[];
  chatModelFor(card: ModelCard): ChatModel;
  embeddingModelFor(card: ModelCard): EmbeddingModel;
}

export interface RegistryParts {
  /** In order of preference. Of two cards with one id the first counts. */
  cards: readonly ModelCard[];
  /** By provider; a card whose provider is missing here is not offered. */
  models: ReadonlyMap<string, ChatModel & EmbeddingModel>;
  /** Tells which of a card's prices is in force. */
  clock?: Clock;
}

/** Whose models others serve, too. */
const vendors = new Set(["openai", "anthropic", "google"]);
/** A name that begins with one of these names its provider, configured or not: nobody else's model stands in for it. */
const builtIn = [...vendors, "workers-ai", "local"];

/** The models whose provider can be called, each with the price in force at the moment it is asked for. */
export function createRegistry({ cards, models, clock = systemClock }: RegistryParts): ModelRegistry {
  const byId = new Map<string, ModelCard>();
  for (const card of cards) {
    if (models.has(card.provider) && !byId.has(card.id)) byId.set(card.id, card);
  }
  const offered = [...byId.values()];
  const providers = [...builtIn, ...models.keys()];

  function findByName(name: string): ModelCard | undefined {
    if (providers.some((provider) => name.startsWith(`${provider}/`))) return undefined;
    const named = offered.filter((card) => card.name === name);
    return named.length === 1 ? named[0] : named.find((card) => vendors.has(card.provider));
  }

  const modelFor = (card: ModelCard) => {
    const model = models.get(card.provider);
    if (model === undefined) throw new AppError("model_not_found", `The model ${card.id} is not configured here.`);
    return model;
  };

  return {
    find(id) {
      const card = byId.get(id) ?? findByName(id);
      return card === undefined ? null : priceNow(card, clock());
    },
    listForTier: (tier) =>
      offered.filter((card) => card.kind === "chat" && card.tier === tier).map((card) => priceNow(card, clock())),
    list: () => offered.map((card) => priceNow(card, clock())),
    chatModelFor: modelFor,
    embeddingModelFor: modelFor,
  };
}

/** The card with the last of its prices that has begun, and those still to come. */
function priceNow(card: ModelCard, nowMs: number): ModelCard {
  const begun = card.nextPrices?.findLastIndex(({ fromMs }) => fromMs <= nowMs) ?? -1;
  const current = card.nextPrices?.[begun];
  if (card.nextPrices === undefined || current === undefined) return card;
  return { ...card, price: current.price, nextPrices: card.nextPrices.slice(begun + 1) };
}
