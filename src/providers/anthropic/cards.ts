import type { ModelCard } from "../../core/model.ts";
import { chatCard, type ChatEntry } from "../make-card.ts";

const million = 1_000_000;
const capabilities = ["tools", "json_schema", "images", "files", "reasoning"] as const;
const current = { contextWindow: million, maxOutputTokens: 128_000, capabilities } as const;

const haiku: ChatEntry = {
  ...current,
  name: "claude-haiku-5-5",
  tier: "fast",
  price: {
    input: 0.1,
    cached: 0.01,
    cacheWrite: 0.125,
    longCacheWrite: 0.2,
    output: 0.5,
    above: { inputTokens: 100_000, input: 0.5, cached: 0.05, cacheWrite: 0.625, longCacheWrite: 1, output: 2.5 },
    source: "platform.claude.com/docs/en/models/haiku-5-5/overview 2026-11-21",
  },
};

const chat: ChatEntry[] = [
  {
    ...current,
    name: "claude-sonnet-5-5",
    tier: "standard",
    price: {
      input: 2,
      cached: 0.2,
      cacheWrite: 2.5,
      longCacheWrite: 4,
      output: 10,
      source: "platform.claude.com/docs/en/models/sonnet-5-5/overview 2026-11-21",
    },
  },
  {
    ...current,
    name: "claude-opus-5-5",
    tier: "reasoning",
    price: {
      input: 4,
      cached: 0.2,
      cacheWrite: 5,
      longCacheWrite: 8,
      output: 20,
      source: "platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5 2026-11-21",
    },
  },
];

/** By their full names only: Anthropic's dearest, the ones before the current, and the last that continues a prefill. */
const byName: ChatEntry[] = [
  {
    ...current,
    name: "claude-fable-5-2",
    tier: null,
    price: {
      input: 8,
      cached: 0.2,
      cacheWrite: 10,
      longCacheWrite: 16,
      output: 40,
      source: "Anthropic's pricing page as github.com/archid21/rightsize/releases/tag/v0.10.2 quotes it 2026-11-21",
    },
  },
  {
    ...current,
    name: "claude-fable-5-1",
    tier: null,
    price: {
      input: 10,
      cached: 0.25,
      cacheWrite: 12.5,
      longCacheWrite: 20,
      output: 50,
      source:
        "platform.claude.com/docs/en/models/fable-5-1/overview; github.com/BerriAI/litellm/discussions/39163 2026-11-21",
    },
  },
  {
    ...current,
    name: "claude-opus-5",
    tier: null,
    price: {
      input: 5,
      cached: 0.5,
      cacheWrite: 6.25,
      longCacheWrite: 10,
      output: 25,
      source: "platform.claude.com/docs/about-claude/models/whats-new-opus-5 2026-11-21",
    },
  },
  {
    ...current,
    name: "claude-sonnet-5",
    tier: null,
    price: {
      input: 2,
      cached: 0.2,
      cacheWrite: 2.5,
      longCacheWrite: 4,
      output: 10,
      source: "platform.claude.com/docs/en/models/sonnet-5/overview 2026-11-21",
    },
  },
];

const haiku45: ChatEntry = {
  name: "claude-haiku-4-5",
  tier: null,
  contextWindow: 200_000,
  maxOutputTokens: 64_000,
  capabilities,
  price: {
    input: 1,
    cached: 0.1,
    cacheWrite: 1.25,
    longCacheWrite: 2,
    output: 5,
    source: "platform.claude.com/docs/en/models/opus-5/overview 2026-11-21",
  },
};

/** The current Claude models, in the order in which a tier tries them. */
export const anthropicCards: readonly ModelCard[] = [
  ...[haiku, ...chat, ...byName].map((entry) => chatCard("anthropic", false, entry)),
  { ...chatCard("anthropic", false, haiku45), prefill: true },
];
