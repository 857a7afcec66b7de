import type { ModelCard } from "../core/model.ts";
import { anthropicCards } from "./anthropic/cards.ts";
import { googleCards } from "./google/cards.ts";
import { chatCard, embeddingCard, type ChatEntry } from "./make-card.ts";

/** The embedding model of a production deployment: the vector index is built for its 1024 dimensions. */
export const retrievalModelId = "workers-ai/@cf/baai/bge-m3";

const openaiWindow = 1_050_000;
/** Past this prompt OpenAI bills a whole request at other rates: where those were not read, nothing longer is admitted. */
const openaiFlatPriceWindow = 272_000;
const openaiMaxOutput = 128_000;
const openaiCapabilities = ["tools", "json_schema", "images", "files", "reasoning"] as const;

const openaiChat: ChatEntry[] = [
  {
    name: "gpt-6.1-terra",
    tier: "standard",
    contextWindow: openaiFlatPriceWindow,
    maxOutputTokens: openaiMaxOutput,
    capabilities: openaiCapabilities,
    price: {
      input: 1,
      cached: 0.05,
      cacheWrite: 1.25,
      output: 5,
      source: "OpenAI list price 2026-10-26 (docs.litellm.ai/blog/gpt-6-1-terra)",
    },
  },
  {
    name: "gpt-5.6-terra",
    tier: "standard",
    contextWindow: openaiWindow,
    maxOutputTokens: openaiMaxOutput,
    capabilities: openaiCapabilities,
    price: {
      input: 2,
      cached: 0.2,
      cacheWrite: 2.5,
      output: 12,
      source: "OpenAI list price 2026-10-27 (apidog.com/blog/gpt-6-1-terra-pricing)",
    },
  },
  {
    // Refuses `reasoning_effort: "none"`: its tools work through the Responses API alone.
    name: "gpt-6.1-sol",
    tier: "reasoning",
    contextWindow: openaiFlatPriceWindow,
    maxOutputTokens: openaiMaxOutput,
    capabilities: openaiCapabilities,
    price: {
      input: 2,
      cached: 0.1,
      cacheWrite: 2.5,
      output: 10,
      source: "OpenAI list price 2026-10-26 (docs.litellm.ai/blog/gpt-6-1-terra; cache writes at OpenAI's 1.25 times)",
    },
  },
  {
    name: "gpt-6-sol",
    tier: "reasoning",
    contextWindow: openaiWindow,
    maxOutputTokens: openaiMaxOutput,
    capabilities: openaiCapabilities,
    price: {
      input: 2,
      cached: 0.2,
      cacheWrite: 2.5,
      output: 10,
      source: "OpenAI list price 2026-09-22 (docs.litellm.ai/blog/gpt_6_sol_luna)",
    },
  },
];

/** Behind Workers AI in the fast tier: what answers when its capacity is out. */
const openaiFast: ChatEntry = {
  name: "gpt-6-luna",
  tier: "fast",
  contextWindow: openaiWindow,
  maxOutputTokens: openaiMaxOutput,
  capabilities: openaiCapabilities,
  price: {
    input: 0.1,
    cached: 0.01,
    cacheWrite: 0.125,
    output: 0.5,
    source: "OpenAI list price 2026-09-22 (docs.litellm.ai/blog/gpt_6_sol_luna)",
  },
};

const cloudflarePricing = "developers.cloudflare.com/workers-ai/platform/pricing";

const workersAiChat: ChatEntry[] = [
  {
    // Not on Cloudflare's list of models with JSON mode. The output limit is ours: Cloudflare publishes none.
    name: "@cf/zai-org/glm-4.7-flash",
    tier: "fast",
    contextWindow: 131_072,
    maxOutputTokens: 16_384,
    capabilities: ["tools", "reasoning"],
    price: { input: 0.06, output: 0.4, source: `${cloudflarePricing} 2026-09-28` },
  },
  {
    name: "@cf/meta/llama-3.3-70b-instruct-fp8-fast",
    tier: "fast",
    contextWindow: 24_000,
    maxOutputTokens: 4_096,
    capabilities: ["tools", "json_schema"],
    price: { input: 0.293, output: 2.253, source: `${cloudflarePricing} 2026-07-09` },
  },
];

/**
 * Every model Parapet knows by name, in the order in which a tier tries them. Prices are the vendors' standard rates with
 * the day they were read, from price-list.json where it knows the model; a deployment changes them with PARAPET_PRICES and
 * adds models with PARAPET_PROVIDERS.
 */
export const catalog: readonly ModelCard[] = [
  ...workersAiChat.map((entry) => chatCard("workers-ai", true, entry)),
  ...[openaiFast, ...openaiChat].map((entry) => chatCard("openai", false, entry)),
  ...anthropicCards,
  ...googleCards,
  embeddingCard("workers-ai", true, {
    name: "@cf/baai/bge-m3",
    contextWindow: 8_192,
    price: { input: 0.012, source: "developers.cloudflare.com/workers-ai/models/bge-m3 2026-11-21" },
  }),
  embeddingCard("openai", false, {
    name: "text-embedding-3-small",
    contextWindow: 8_192,
    price: { input: 0.02, source: "developers.openai.com/api/docs/models/text-embedding-3-large 2026-11-21" },
  }),
  embeddingCard("openai", false, {
    name: "text-embedding-3-large",
    contextWindow: 8_192,
    price: { input: 0.13, source: "developers.openai.com/api/docs/models/text-embedding-3-large 2026-11-21" },
  }),
];
