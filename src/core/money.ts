/** Prices are integers in pico-USD per token: $1 per million tokens is 1,000,000. */
export interface TokenPrice {
  inputPico: number;
  cachedInputPico: number;
  outputPico: number;
  /** Prompt tokens that the provider writes to its cache, where it bills them at a rate of their own. */
  cacheWriteInputPico?: number;
  /** Where the figures come from and the day they were read, e.g. `openai.com/api/pricing 2026-11-01`. */
  source: string;
}

/** Tokens of one model call, as the provider counts them. */
export interface TokenUsage {
  /** Prompt tokens, the cached ones included. */
  inputTokens: number;
  cachedInputTokens: number;
  /** Prompt tokens written to the provider's cache: part of `inputTokens`, never of `cachedInputTokens`. */
  cacheWriteInputTokens?: number;
  /** Generated tokens, the reasoning ones included. */
  outputTokens: number;
  reasoningTokens: number;
  /** True where the provider reported no count and ours stands in. */
  estimated: boolean;
}

const picoPerMicro = 1_000_000;

/** The price of a call in micro-USD: summed in pico-USD over disjoint token classes, rounded once, half up. */
export function priceOf(usage: TokenUsage, price: TokenPrice): number {
  const cached = Math.min(usage.cachedInputTokens, usage.inputTokens);
  const written = Math.min(usage.cacheWriteInputTokens ?? 0, usage.inputTokens - cached);
  const pico =
    (usage.inputTokens - cached - written) * price.inputPico +
    cached * price.cachedInputPico +
    written * (price.cacheWriteInputPico ?? price.inputPico) +
    usage.outputTokens * price.outputPico;
  return Math.floor((pico + picoPerMicro / 2) / picoPerMicro);
}

/** The most a call can cost: every input token at the dearer of the input prices, every output token used; rounded up. */
export function upperBoundOf(tokens: { input: number; output: number }, price: TokenPrice): number {
  const inputPico = Math.max(price.inputPico, price.cachedInputPico, price.cacheWriteInputPico ?? 0);
  return Math.ceil((tokens.input * inputPico + tokens.output * price.outputPico) / picoPerMicro);
}

/** `0.001234` for 1,234 micro-USD. */
export function formatUsd(micros: number): string {
  return (micros / 1_000_000).toFixed(6);
}
