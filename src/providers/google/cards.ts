import type { ModelCard } from "../../core/model.ts";
import { chatCard, embeddingCard, type ChatEntry } from "../make-card.ts";

/** Gemini's window is for prompt, thinking and answer together (docs.cloud.google.com, "Get started with Gemini 4"). */
const window = 1_048_576;
const maxOutputTokens = 65_536;
const capabilities = ["tools", "json_schema", "images", "audio", "files", "reasoning"] as const;

const gemini4Price = {
  input: 2,
  cached: 0.1,
  output: 10,
  source:
    "Google's launch price until 2026-11-30, read 2026-11-21 (docs.laozhang.ai/announcements/gemini-4-carbon-2026-11)",
} as const;
const gemini4PriceLater = {
  from: "2026-12-01",
  input: 4,
  cached: 0.2,
  output: 20,
  source: "Google's price from 2026-12-01, read 2026-11-21 (docs.laozhang.ai/announcements/gemini-4-carbon-2026-11)",
} as const;

const chat: ChatEntry[] = [
  {
    name: "gemini-3.5-flash-lite",
    tier: "fast",
    contextWindow: window,
    maxOutputTokens,
    capabilities,
    price: { input: 0.3, cached: 0.03, output: 2.5, source: "ai.google.dev/gemini-api/docs/pricing 2026-09-23" },
  },
  {
    name: "gemini-3.8-flash",
    tier: "standard",
    contextWindow: window,
    maxOutputTokens,
    capabilities,
    price: {
      input: 0.75,
      cached: 0.075,
      output: 3.75,
      source: "Google's price until 2026-12-31, read 2026-10-07 (github.com/BerriAI/litellm/discussions/39357)",
    },
  },
  {
    name: "gemini-4-argon",
    tier: "reasoning",
    contextWindow: window,
    maxOutputTokens,
    capabilities,
    price: gemini4Price,
    nextPrices: [gemini4PriceLater],
  },
  {
    name: "gemini-4-carbon",
    tier: "reasoning",
    contextWindow: window,
    maxOutputTokens,
    capabilities,
    price: gemini4Price,
    nextPrices: [gemini4PriceLater],
  },
];

/** The current Gemini models, in the order in which a tier tries them. */
export const googleCards: readonly ModelCard[] = [
  ...chat.map((entry) => chatCard("google", false, entry)),
  embeddingCard("google", false, {
    name: "gemini-embedding-001",
    contextWindow: 2_048,
    price: { input: 0.15, source: "ai.google.dev/gemini-api/docs/pricing 2026-09-23" },
  }),
  embeddingCard("google", false, {
    name: "gemini-embedding-2",
    contextWindow: 8_192,
    price: { input: 0.2, source: "ai.google.dev/gemini-api/docs/pricing 2026-09-23" },
  }),
];
