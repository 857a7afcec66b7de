import { findProvider, type ConditionalPrice, type ModelInfo, type ModelPrice } from "@pydantic/genai-prices";
import type { PriceList } from "../../providers/price-list.ts";
import { ratesIn, type UsdRates } from "../../providers/make-card.ts";

/** Our providers by the list's names for them. */
const providerIds: Readonly<Record<string, string>> = {
  openai: "openai",
  anthropic: "anthropic",
  google: "google",
  "workers-ai": "cloudflare",
};

export interface Extraction {
  /** Models by `provider/name`. */
  modelIds: readonly string[];
  /** The package and its version. */
  package: string;
  /** The day its version was published, `YYYY-MM-DD`: no price in it is newer. */
  readOn: string;
}

/** What @pydantic/genai-prices says of these models: the price in force on that day, and those announced. Unknown ones are left out. */
export function extractPrices({ modelIds, package: source, readOn }: Extraction): PriceList {
  const models: PriceList["models"] = {};
  for (const id of modelIds) {
    const [provider, name] = splitOnce(id);
    const found = findProvider({ providerId: providerIds[provider] ?? provider });
    // By its exact name: the list's patterns are generous, and a new model must not get its elder's price.
    const model = found?.models.find((candidate) => candidate.id === name);
    if (found === undefined || model === undefined) continue;
    const url = found.pricing_urls?.[0] ?? "github.com/pydantic/genai-prices";
    const prices = pricesFrom(model, readOn).flatMap(({ from, price }) => {
      const rates = toRates(price);
      return rates === null
        ? []
        : [{ ...(from === null ? {} : { from }), ...rates, source: `${url} (${source})`, readOn }];
    });
    if (prices.length > 0) models[id] = prices;
  }
  return { package: source, models };
}

function splitOnce(id: string): [string, string] {
  const slash = id.indexOf("/");
  return [id.slice(0, slash), id.slice(slash + 1)];
}

/** The price in force on a day, then those that follow it. */
function pricesFrom(model: ModelInfo, day: string): { from: string | null; price: ModelPrice }[] {
  if (!Array.isArray(model.prices)) return [{ from: null, price: model.prices }];
  const dated = model.prices.filter(hasNoHours).map((price) => ({ from: startOf(price), price: price.prices }));
  const current = dated.findLastIndex(({ from }) => from === null || from <= day);
  return dated.slice(Math.max(current, 0)).map((entry, index) => (index === 0 ? { ...entry, from: null } : entry));
}

/** Prices that depend on the hour are not carried: the others are the dearer ones. */
function hasNoHours({ constraint }: ConditionalPrice): boolean {
  return constraint === undefined || constraint.type === "start_date";
}

function startOf({ constraint }: ConditionalPrice): string | null {
  return constraint?.type === "start_date" ? constraint.start_date : null;
}

function toRates(price: ModelPrice): Omit<PriceList["models"][string][number], "source" | "readOn"> | null {
  const starts = new Set(
    Object.values(price).flatMap((value) => (typeof value === "object" ? value.tiers.map((tier) => tier.start) : [])),
  );
  // One threshold is what a price here can have; a model with more keeps the price somebody read.
  const [start] = starts;
  const base = usdAt(price, 0);
  if (base === null || starts.size > 1) return null;
  const above = start === undefined ? null : usdAt(price, start + 1);
  return {
    ...ratesIn(base),
    ...(start === undefined || above === null ? {} : { above: { inputTokens: start, ...ratesIn(above) } }),
  };
}

/** US dollars per million tokens for a prompt of this size; `null` for what is not billed by input tokens. */
function usdAt(price: ModelPrice, inputTokens: number): UsdRates | null {
  const at = (field: string): number | undefined => {
    const value = price[field];
    if (typeof value !== "object") return value;
    return value.tiers.findLast((tier) => inputTokens > tier.start)?.price ?? value.base;
  };
  const input = at("input_mtok");
  if (input === undefined) return null;
  return {
    input,
    output: at("output_mtok") ?? 0,
    cached: at("cache_read_mtok"),
    cacheWrite: at("cache_write_mtok"),
    longCacheWrite: at("cache_write_1h_mtok"),
    audio: at("input_audio_mtok"),
  };
}
