import { z } from "zod";
import { AppError } from "../core/errors.ts";
import type { ModelCard } from "../core/model.ts";
import { toTokenPrice, usdPrice } from "./usd-price.ts";

const setting = z.record(z.string(), usdPrice.nullable());

/**
 * Reads the setting PARAPET_PRICES: a JSON object of prices by `provider/model`, in US dollars per million tokens; `null` makes
 * a price unknown, and the model refuse. Gives the cards with these prices in place of their own, announced ones included.
 * Throws `not_ready` with what is wrong, a model that no card has among it.
 */
export function applyPrices(cards: readonly ModelCard[], text: string | undefined): ModelCard[] {
  if (text === undefined || text.trim() === "") return [...cards];
  const parsed = setting.safeParse(readJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw notReady(`is not valid: ${issue?.path.join(".") || "the object"} ${issue?.message ?? ""}`);
  }
  const prices = new Map(Object.entries(parsed.data));
  const unknown = [...prices.keys()].find((id) => cards.every((card) => card.id !== id));
  if (unknown !== undefined) throw notReady(`names ${JSON.stringify(unknown.slice(0, 80))}, which is no model here`);
  return cards.map((card) => {
    const price = prices.get(card.id);
    if (price === undefined) return card;
    const { nextPrices: _announced, ...rest } = card;
    return { ...rest, price: price === null ? null : toTokenPrice(price, "PARAPET_PRICES") };
  });
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notReady("is not valid JSON");
  }
}

function notReady(what: string): AppError {
  return new AppError("not_ready", `PARAPET_PRICES ${what}.`);
}
