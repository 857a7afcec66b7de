import { readPrompt, type PromptFeatures } from "./read-prompt.ts";

/** Weights for prompts of one form: with answers to choose from, or open. */
export interface FormWeights {
  bias: number;
  /** By the order of `structureNames`: a value counts as its distance from the mean, in deviations, at most three. */
  mean: number[];
  deviation: number[];
  weight: number[];
  /** How much the words count. */
  words: number;
}

export interface RouterModel {
  options: FormWeights;
  open: FormWeights;
  /** By bucket: how rare it is, in units that cancel out. */
  rarity: Uint8Array;
  /** By bucket, its rarity included. */
  wordWeights: Int8Array;
  /** What one unit of a word's weight is worth by one of rarity. */
  wordStep: number;
  /** Scores of prompts the model had not seen, in 100 steps from the lowest: what a share of strong calls is read from. */
  quantiles: number[];
}

/** A model as `npm run router:train` writes it: a byte for each bucket, in base64. */
export interface StoredModel {
  /** `structureNames`, for those who read the file. */
  structure: string[];
  options: FormWeights;
  open: FormWeights;
  rarity: { step: number; bytes: string };
  wordWeights: { step: number; bytes: string };
  quantiles: number[];
}

/** Decodes a stored model. */
export function loadModel({ options, open, rarity, wordWeights, quantiles }: StoredModel): RouterModel {
  return {
    options,
    open,
    rarity: Uint8Array.from(Buffer.from(rarity.bytes, "base64")),
    wordWeights: Int8Array.from(Buffer.from(wordWeights.bytes, "base64")),
    wordStep: wordWeights.step / rarity.step,
    quantiles,
  };
}

/**
 * What a strong model is expected to gain on a prompt: the probability that it answers rightly, less the weak model's.
 * Higher: the prompt needs the strong one. Pure.
 */
export function scorePrompt(model: RouterModel, prompt: string): number {
  return scoreFeatures(model, readPrompt(prompt));
}

/** The same of a prompt that was read already. */
export function scoreFeatures(model: RouterModel, { hasOptions, structure, buckets }: PromptFeatures): number {
  const { bias, mean, deviation, weight, words } = hasOptions ? model.options : model.open;
  let score = bias;
  for (let at = 0; at < structure.length; at++) {
    score += standardise(structure[at] ?? 0, mean[at] ?? 0, deviation[at] ?? 1) * (weight[at] ?? 0);
  }
  let sum = 0;
  let squares = 0;
  for (const bucket of buckets) {
    sum += model.wordWeights[bucket] ?? 0;
    squares += (model.rarity[bucket] ?? 0) ** 2;
  }
  return squares === 0 ? score : score + (words * model.wordStep * sum) / Math.sqrt(squares);
}

/** Bounded: a prompt far outside what was learned from is as long, or as full of numbers, as the longest that was. */
export function standardise(value: number, mean: number, deviation: number): number {
  return Math.max(-3, Math.min(3, (value - mean) / deviation));
}
