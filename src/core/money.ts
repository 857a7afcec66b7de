/** Integers in pico-USD per token: $1 per million tokens is 1,000,000. */
export interface TokenRates {
  inputPico: number;
  cachedInputPico: number;
  outputPico: number;
  /** Prompt tokens that the provider writes to its cache, where it bills them at a rate of their own. */
  cacheWriteInputPico?: number;
  /** The same for an entry that is kept for an hour. */
  longCacheWriteInputPico?: number;
  audioInputPico?: number;
}

export interface TokenPrice extends TokenRates {
  /** Rates of the whole request, answer included, once its prompt has more tokens than this. */
  above?: TokenRates & { inputTokens: number };
  /** Where the figures come from, e.g. `https://openai.com/api/pricing`. */
  source: string;
  /** The day they were read, `YYYY-MM-DD`; absent where a setting gives them. */
  readOn?: string;
}

/** Tokens of one model call, as the provider counts them. */
export interface TokenUsage {
  /** Prompt tokens, the cached ones included. */
  inputTokens: number;
  cachedInputTokens: number;
  /** Prompt tokens written to the provider's cache: part of `inputTokens`, never of `cachedInputTokens`. */
  cacheWriteInputTokens?: number;
  /** Those written for an hour: part of `cacheWriteInputTokens`. */
  longCacheWriteInputTokens?: number;
  /** Audio in the prompt: part of `inputTokens`, never of the cached or written ones. */
  audioInputTokens?: number;
  /** Generated tokens, the reasoning ones included. */
  outputTokens: number;
  reasoningTokens: number;
  /** True where the provider reported no count and ours stands in. */
  estimated: boolean;
}

const picoPerMicro = 1_000_000;

/** The price of a call in micro-USD: summed in pico-USD over disjoint token classes, rounded once, half up. */
export function priceOf(usage: TokenUsage, list: TokenPrice): number {
  const price = list.above !== undefined && usage.inputTokens > list.above.inputTokens ? list.above : list;
  const cached = Math.min(usage.cachedInputTokens, usage.inputTokens);
  const written = Math.min(usage.cacheWriteInputTokens ?? 0, usage.inputTokens - cached);
  const writtenLong = Math.min(usage.longCacheWriteInputTokens ?? 0, written);
  const audio = Math.min(usage.audioInputTokens ?? 0, usage.inputTokens - cached - written);
  const writePico = price.cacheWriteInputPico ?? price.inputPico;
  const pico =
    (usage.inputTokens - cached - written - audio) * price.inputPico +
    cached * price.cachedInputPico +
    (written - writtenLong) * writePico +
    writtenLong * (price.longCacheWriteInputPico ?? writePico) +
    audio * (price.audioInputPico ?? price.inputPico) +
    usage.outputTokens * price.outputPico;
  return Math.floor((pico + picoPerMicro / 2) / picoPerMicro);
}

/** What several calls used together. */
export function sumUsage(left: TokenUsage, right: TokenUsage): TokenUsage {
  const sum = (name: "cacheWriteInputTokens" | "longCacheWriteInputTokens" | "audioInputTokens") =>
    (left[name] ?? 0) + (right[name] ?? 0);
  return {
    inputTokens: left.inputTokens + right.inputTokens,
    cachedInputTokens: left.cachedInputTokens + right.cachedInputTokens,
    cacheWriteInputTokens: sum("cacheWriteInputTokens"),
    longCacheWriteInputTokens: sum("longCacheWriteInputTokens"),
    audioInputTokens: sum("audioInputTokens"),
    outputTokens: left.outputTokens + right.outputTokens,
    reasoningTokens: left.reasoningTokens + right.reasoningTokens,
    estimated: left.estimated || right.estimated,
  };
}

/** The most a call can cost: every input token at the dearest of the input rates, every output token used; rounded up. */
export function upperBoundOf(tokens: { input: number; output: number }, price: TokenPrice): number {
  const { above } = price;
  const below = boundAt({ ...tokens, input: Math.min(tokens.input, above?.inputTokens ?? Infinity) }, price);
  // A bound is no count: a prompt bounded above the threshold may lie below it.
  const pico =
    above === undefined || tokens.input <= above.inputTokens ? below : Math.max(below, boundAt(tokens, above));
  return Math.ceil(pico / picoPerMicro);
}

function boundAt(tokens: { input: number; output: number }, rates: TokenRates): number {
  const inputPico = Math.max(
    rates.inputPico,
    rates.cachedInputPico,
    rates.cacheWriteInputPico ?? 0,
    rates.longCacheWriteInputPico ?? 0,
    rates.audioInputPico ?? 0,
  );
  return tokens.input * inputPico + tokens.output * rates.outputPico;
}

/** `0.001234` for 1,234 micro-USD. */
export function formatUsd(micros: number): string {
  return (micros / 1_000_000).toFixed(6);
}
