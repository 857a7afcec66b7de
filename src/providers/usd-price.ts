import { z } from "zod";
import type { TokenPrice } from "../core/money.ts";
import { ratesIn } from "./make-card.ts";

const usdPerMillion = z.number().min(0).max(10_000);

const rates = {
  inputUsdPerMillion: usdPerMillion,
  cachedInputUsdPerMillion: usdPerMillion.optional(),
  cacheWriteInputUsdPerMillion: usdPerMillion.optional(),
  longCacheWriteInputUsdPerMillion: usdPerMillion.optional(),
  audioInputUsdPerMillion: usdPerMillion.optional(),
  outputUsdPerMillion: usdPerMillion.default(0),
};

/** A price as a deployment's settings give it: US dollars per million tokens. */
export const usdPrice = z.strictObject({
  ...rates,
  /** The rates of a whole request whose prompt has more tokens than this. */
  above: z.strictObject({ inputTokens: z.int().min(1), ...rates }).optional(),
});
export type UsdPrice = z.infer<typeof usdPrice>;

/** A price from a setting as the one that is counted with; `source` names the setting. */
export function toTokenPrice({ above, ...base }: UsdPrice, source: string): TokenPrice {
  return {
    ...toRates(base),
    ...(above === undefined ? {} : { above: { inputTokens: above.inputTokens, ...toRates(above) } }),
    source,
  };
}

function toRates(entry: Omit<UsdPrice, "above">) {
  return ratesIn({
    input: entry.inputUsdPerMillion,
    cached: entry.cachedInputUsdPerMillion,
    cacheWrite: entry.cacheWriteInputUsdPerMillion,
    longCacheWrite: entry.longCacheWriteInputUsdPerMillion,
    audio: entry.audioInputUsdPerMillion,
    output: entry.outputUsdPerMillion,
  });
}
