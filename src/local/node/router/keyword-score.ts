import { estimateTokens } from "../../../gateway/estimate-tokens.ts";

const signals: readonly [weight: number, applies: (prompt: string) => boolean][] = [
  [0.2, (prompt) => estimateTokens(prompt) > 1_500],
  [0.25, (prompt) => estimateTokens(prompt) > 8_000],
  [0.15, (prompt) => prompt.length > 600],
  [0.2, (prompt) => /```|\b(?:function|class|def|SELECT|import)\b[^.?!\n]*[({;:]/.test(prompt)],
  [0.25, (prompt) => /\d\s*[-+*/^=<>]\s*\d|\\(?:frac|int|sum)|√|∫/.test(prompt)],
  [0.1, (prompt) => (prompt.match(/\d+(?:[.,]\d+)?/g)?.length ?? 0) >= 3],
  [0.15, (prompt) => (prompt.match(/\?/g)?.length ?? 0) >= 2],
  [0.15, (prompt) => /\b(?:step by step|compare|prove|derive|trade-?offs?|why)\b/i.test(prompt)],
];

/** The usual keyword heuristic, for comparison: what `auto` went by before it learned. */
export function scoreKeywords(prompt: string): number {
  return signals.reduce((total, [weight, applies]) => total + (applies(prompt) ? weight : 0), 0);
}
