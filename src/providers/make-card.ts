import type { ModelCapability, ModelCard, Tier } from "../core/model.ts";
import type { TokenPrice, TokenRates } from "../core/money.ts";
import { listPricesOf } from "./price-list.ts";

/** US dollars per million tokens are pico-USD per token times a million; rounding undoes what floating point adds. */
export function picoPerToken(usdPerMillion: number): number {
  return Math.round(usdPerMillion * 1_000_000);
}

/** Rates as vendors publish them: US dollars per million tokens. */
export interface UsdRates {
  input: number;
  /** Without one, cached input costs what input costs. */
  cached?: number | undefined;
  cacheWrite?: number | undefined;
  /** Written for an hour. */
  longCacheWrite?: number | undefined;
  audio?: number | undefined;
  output: number;
}

/** A price somebody read on the vendor's page, or on one that quotes it. */
export interface ReadPrice extends UsdRates {
  /** Where and when: the last day in it, `YYYY-MM-DD`, is the one it was read. */
  source: string;
  /** Rates of the whole request once its prompt has more tokens than this. */
  above?: UsdRates & { inputTokens: number };
}

export function ratesIn(usd: UsdRates): TokenRates {
  return {
    inputPico: picoPerToken(usd.input),
    cachedInputPico: picoPerToken(usd.cached ?? usd.input),
    outputPico: picoPerToken(usd.output),
    ...(usd.cacheWrite === undefined ? {} : { cacheWriteInputPico: picoPerToken(usd.cacheWrite) }),
    ...(usd.longCacheWrite === undefined ? {} : { longCacheWriteInputPico: picoPerToken(usd.longCacheWrite) }),
    ...(usd.audio === undefined ? {} : { audioInputPico: picoPerToken(usd.audio) }),
  };
}

/** A price in dollars as the one that is counted with. */
export function priceIn(read: ReadPrice): TokenPrice {
  const readOn = read.source.match(/\d{4}-\d{2}-\d{2}/g)?.at(-1);
  return {
    ...ratesIn(read),
    ...(read.above === undefined ? {} : { above: { inputTokens: read.above.inputTokens, ...ratesIn(read.above) } }),
    source: read.source,
    ...(readOn === undefined ? {} : { readOn }),
  };
}

export interface ChatEntry {
  name: string;
  tier: Tier | null;
  contextWindow: number;
  maxOutputTokens: number;
  capabilities: readonly ModelCapability[];
  /** Counts where the price list does not know the model. */
  price: ReadPrice | null;
  /** What the vendor has announced, oldest first; `from` is a day, which begins at midnight UTC. */
  nextPrices?: readonly (ReadPrice & { from: string })[];
}

export function chatCard(provider: string, staysAtEdge: boolean, entry: ChatEntry): ModelCard {
  const { price, nextPrices, ...rest } = entry;
  const id = `${provider}/${entry.name}`;
  return { ...rest, id, provider, kind: "chat", staysAtEdge, ...pricesOf(id, price, nextPrices) };
}

export interface EmbeddingEntry {
  name: string;
  contextWindow: number;
  price: Omit<ReadPrice, "output">;
}

export function embeddingCard(provider: string, staysAtEdge: boolean, entry: EmbeddingEntry): ModelCard {
  const id = `${provider}/${entry.name}`;
  const { price } = pricesOf(id, { ...entry.price, output: 0 });
  return {
    id,
    provider,
    name: entry.name,
    kind: "embedding",
    tier: null,
    contextWindow: entry.contextWindow,
    maxOutputTokens: 0,
    capabilities: [],
    staysAtEdge,
    price: price === null ? null : withoutAudio(price),
  };
}

function pricesOf(
  id: string,
  read: ReadPrice | null,
  next: ChatEntry["nextPrices"] = [],
): Pick<ModelCard, "price" | "nextPrices"> {
  const listed = listPricesOf(id);
  if (listed !== null) return listed;
  const nextPrices = next.map((later) => ({ fromMs: Date.parse(later.from), price: priceIn(later) }));
  return { price: read === null ? null : priceIn(read), ...(nextPrices.length === 0 ? {} : { nextPrices }) };
}

/** Only texts are embedded: a rate for recordings would make their bound many times too high. */
function withoutAudio({ audioInputPico: _audio, ...price }: TokenPrice): TokenPrice {
  return price;
}
