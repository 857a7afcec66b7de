/** Scores a text for injected instructions: phrases combined over windows, in the text as written and in what it hides. */
import { dataSignals, injectionSignals } from "./injection-signals.ts";
import type { InjectionSignal } from "./injection-signals.ts";
import { candidateTexts } from "./normalize.ts";
import type { TextOrigin } from "./normalize.ts";

export interface InjectionScore {
  /** 0 (harmless) to 1 (certain). */
  score: number;
  rules: string[];
}

export interface InjectionText {
  text: string;
  /** Who wrote it: the user, who may ask for things, or a document or a tool, which may not. */
  origin: "user" | "data";
}

/** Rules, a learned model and a judge all have this shape; the highest score counts. */
export type InjectionScorer = (input: InjectionText) => InjectionScore;

const windowLength = 4000;
const windowOverlap = 500;
/** Signals about data alone never refuse: people write such sentences to each other. */
const dataCeiling = 0.6;
/** An instruction that somebody took care to hide. */
const hiddenWeight = 0.6;

export const scoreByRules: InjectionScorer = ({ text, origin }) => {
  const rules = new Set<string>();
  let score = 0;
  for (const candidate of candidateTexts(text)) {
    for (
      let start = 0;
      start === 0 || start < candidate.text.length - windowOverlap;
      start += windowLength - windowOverlap
    ) {
      const window = candidate.text.slice(start, start + windowLength);
      const found = scoreWindow(window, candidate.origin);
      const inData = origin === "data" ? combine(dataSignals, window) : none;
      score = Math.max(score, found.score, Math.min(dataCeiling, 1 - (1 - found.score) * (1 - inData.score)));
      for (const rule of [...found.rules, ...inData.rules]) rules.add(rule);
    }
  }
  return { score: Math.round(score * 1000) / 1000, rules: [...rules] };
};

const none: InjectionScore = { score: 0, rules: [] };

function scoreWindow(window: string, origin: TextOrigin): InjectionScore {
  const found = combine(injectionSignals, window);
  if (found.score === 0) return none;
  if (origin === "plain") return isMention(window) ? { ...found, score: found.score * mentionFactor } : found;
  return { score: 1 - (1 - found.score) * (1 - hiddenWeight), rules: [...found.rules, `injection.hidden_${origin}`] };
}

/** Independent evidence: the chance that not every signal is an accident. Each rule counts once. */
function combine(signals: readonly InjectionSignal[], window: string): InjectionScore {
  const weights = new Map<string, number>();
  for (const { id, weight, pattern } of signals) {
    if (weight > (weights.get(id) ?? 0) && pattern.test(window)) weights.set(id, weight);
  }
  let doubt = 1;
  for (const weight of weights.values()) doubt *= 1 - weight;
  return { score: 1 - doubt, rules: [...weights.keys()] };
}

const mentionFactor = 0.6;
const longestMention = 400;

/** A short question about such phrases, with the phrase in quotation marks, is talk about attacks. */
function isMention(window: string): boolean {
  if (window.length > longestMention) return false;
  return (
    /["'`]\w[^"`]{8,200}["'`]/.test(window) &&
    /\b(?:what does|what is|mean|means|phrase|explain|detect|example|prompt injection|attack|why do)\b/.test(window)
  );
}
