import { textOf, type ChatRequest } from "../core/chat.ts";
import type { Tier } from "../core/model.ts";

export interface Complexity {
  /** 0 (a greeting) to 1. */
  score: number;
  tier: Tier;
  /** Names of the signals that counted, for the reason given to the caller. */
  signals: string[];
}

interface Signal {
  name: string;
  weight: number;
  applies(facts: Facts): boolean;
}

interface Facts {
  question: string;
  promptTokens: number;
  request: ChatRequest;
}

/**
 * Structure before keywords: keyword scoring is at chance (LiteLLM's own benchmark: AUC 0.524), so words weigh little here
 * and length, code, numbers and machine-readable output weigh more. A hand-set first cut, not a measured router.
 */
const signals: Signal[] = [
  { name: "long prompt", weight: 0.2, applies: ({ promptTokens }) => promptTokens > 1_500 },
  { name: "very long prompt", weight: 0.25, applies: ({ promptTokens }) => promptTokens > 8_000 },
  { name: "long question", weight: 0.15, applies: ({ question }) => question.length > 600 },
  {
    name: "code",
    weight: 0.2,
    applies: ({ question }) => /```|\b(?:function|class|def|SELECT|import)\b[^.?!\n]*[({;:]/.test(question),
  },
  {
    name: "mathematics",
    weight: 0.25,
    applies: ({ question }) => /\d\s*[-+*/^=<>]\s*\d|\\(?:frac|int|sum)|√|∫/.test(question),
  },
  {
    name: "several numbers",
    weight: 0.1,
    applies: ({ question }) => (question.match(/\d+(?:[.,]\d+)?/g)?.length ?? 0) >= 3,
  },
  { name: "several questions", weight: 0.15, applies: ({ question }) => (question.match(/\?/g)?.length ?? 0) >= 2 },
  {
    name: "steps or comparison",
    weight: 0.15,
    applies: ({ question }) => /\b(?:step by step|compare|prove|derive|trade-?offs?|why)\b/i.test(question),
  },
  { name: "tools", weight: 0.25, applies: ({ request }) => request.tools !== undefined },
  { name: "JSON schema", weight: 0.15, applies: ({ request }) => request.response_format?.type === "json_schema" },
  { name: "long conversation", weight: 0.1, applies: ({ request }) => request.messages.length > 8 },
  {
    name: "reasoning effort",
    weight: 0.4,
    applies: ({ request }) => ["medium", "high", "xhigh"].includes(request.reasoning_effort ?? ""),
  },
];

const standardFrom = 0.2;
const reasoningFrom = 0.6;

/** Reads the last user message and the request's shape. Pure. */
export function scoreComplexity(request: ChatRequest, promptTokens: number): Complexity {
  const last = request.messages.findLast((message) => message.role === "user");
  const facts = { question: last === undefined ? "" : textOf(last), promptTokens, request };
  const found = signals.filter((signal) => signal.applies(facts));
  const score = Math.min(
    1,
    found.reduce((total, signal) => total + signal.weight, 0),
  );
  const tier = score >= reasoningFrom ? "reasoning" : score >= standardFrom ? "standard" : "fast";
  return { score, tier, signals: found.map((signal) => signal.name) };
}
