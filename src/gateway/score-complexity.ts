import { textOf, type ChatRequest } from "../core/chat.ts";
import type { Tier } from "../core/model.ts";
import { scorePrompt } from "./router/router-model.ts";
import { shippedModel } from "./router/shipped-model.ts";

export interface Complexity {
  tier: Tier;
  /** What a strong model is expected to gain on the last user message: see `scorePrompt`. */
  score: number;
  /** What the score was held against: reached by `standard` and `reasoning`, missed by `fast`. */
  threshold: number;
  /** What asks for more than the score does, or `null`. */
  floor: string | null;
}

/** Of the calls beyond the fast tier, those that go to reasoning. */
const reasoningPart = 0.2;
/** The router learned from prompts of up to 4,800 characters. */
const longPromptTokens = 1_500;
/** Beyond every score. */
const bounds = { lowest: -2, highest: 2 };

/** Reads the last user message and the request's shape; the earlier conversation is not scored. Pure. */
export function scoreComplexity(request: ChatRequest, promptTokens: number, strongShare: number): Complexity {
  const last = request.messages.findLast((message) => message.role === "user");
  const score = scorePrompt(shippedModel(), last === undefined ? "" : textOf(last));
  const standardFrom = thresholdFor(strongShare);
  const reasoningFrom = thresholdFor(strongShare * reasoningPart);
  if (score >= reasoningFrom) return { tier: "reasoning", score, threshold: reasoningFrom, floor: null };
  if (score >= standardFrom) return { tier: "standard", score, threshold: standardFrom, floor: null };
  const floor = floorOf(request, promptTokens);
  return { tier: floor === null ? "fast" : "standard", score, threshold: standardFrom, floor };
}

/** The score that this share of usual prompts reaches. A gain lies between -1 and 1, so that 0 is nobody's and 1 everybody's. */
export function thresholdFor(share: number): number {
  if (share <= 0) return bounds.highest;
  if (share >= 1) return bounds.lowest;
  const { quantiles } = shippedModel();
  const place = (1 - share) * (quantiles.length - 1);
  const below = quantiles[Math.floor(place)] ?? bounds.lowest;
  const above = quantiles[Math.ceil(place)] ?? bounds.highest;
  return below + (above - below) * (place - Math.floor(place));
}

/** What the router did not learn from and small models are known to be poor at. */
function floorOf(request: ChatRequest, promptTokens: number): string | null {
  if (["medium", "high", "xhigh"].includes(request.reasoning_effort ?? "")) return "it asks for reasoning effort";
  if (request.tools !== undefined) return "it has tools";
  if (promptTokens > longPromptTokens) return "its prompt is long";
  return null;
}
