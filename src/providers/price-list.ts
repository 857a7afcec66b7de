import { z } from "zod";
import type { ModelCard } from "../core/model.ts";
import type { TokenPrice } from "../core/money.ts";
import list from "./price-list.json" with { type: "json" };

const rates = z.object({
  inputPico: z.int().min(0),
  cachedInputPico: z.int().min(0),
  outputPico: z.int().min(0),
  cacheWriteInputPico: z.int().min(0).exactOptional(),
  longCacheWriteInputPico: z.int().min(0).exactOptional(),
  audioInputPico: z.int().min(0).exactOptional(),
});

const listedPrice = rates.extend({
  /** The first day of the price, at midnight UTC; the one in force when the list was read has none. */
  from: z.iso.date().exactOptional(),
  above: rates.extend({ inputTokens: z.int().min(1) }).exactOptional(),
  source: z.string(),
  readOn: z.iso.date(),
});

/** The shape of price-list.json, which `npm run prices` makes of a maintained list. Models by `provider/name`, prices oldest first. */
export const priceList = z.object({
  package: z.string(),
  models: z.record(z.string(), z.array(listedPrice).min(1)),
});
export type PriceList = z.infer<typeof priceList>;

const { models } = priceList.parse(list);

/** What the maintained list says of a model, or `null` where it does not know it. */
export function listPricesOf(id: string): Pick<ModelCard, "price" | "nextPrices"> | null {
  const [first, ...later] = models[id] ?? [];
  if (first === undefined) return null;
  const nextPrices = later.map((price) => ({ fromMs: Date.parse(price.from ?? ""), price: withoutDay(price) }));
  return { price: withoutDay(first), ...(nextPrices.length === 0 ? {} : { nextPrices }) };
}

function withoutDay({ from: _from, ...price }: z.infer<typeof listedPrice>): TokenPrice {
  return price;
}
