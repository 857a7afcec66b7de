import type { ModelCapability, ModelCard, Tier } from "../core/model.ts";
import type { TokenPrice } from "../core/money.ts";

/** The embedding model of a production deployment: the vector index is built for its 1024 dimensions. */
export const retrievalModelId = "workers-ai/@cf/baai/bge-m3";

/** US dollars per million tokens are pico-USD per token times a million; rounding undoes what floating point adds. */
export function picoPerToken(usdPerMillion: number): number {
  return Math.round(usdPerMillion * 1_000_000);
}

interface ListPrice {
  input: number;
  cached?: number;
  cacheWrite?: number;
  output: number;
  source: string;
}

function priceIn(list: ListPrice): TokenPrice {
  return {
    inputPico: picoPerToken(list.input),
    cachedInputPico: picoPerToken(list.cached ?? list.input),
    ...(list.cacheWrite === undefined ? {} : { cacheWriteInputPico: picoPerToken(list.cacheWrite) }),
    outputPico: picoPerToken(list.output),
    source: list.source,
  };
}

interface ChatEntry {
  name: string;
  tier: Tier | null;
  contextWindow: number;
  maxOutputTokens: number;
  capabilities: readonly ModelCapability[];
  price: ListPrice | null;
}

function chatCard(provider: string, staysAtEdge: boolean, entry: ChatEntry): ModelCard {
  const price = entry.price === null ? null : priceIn(entry.price);
  return { ...entry, id: `${provider}/${entry.name}`, provider, kind: "chat", staysAtEdge, price };
}

function embeddingCard(
  provider: string,
  staysAtEdge: boolean,
  entry: { name: string; contextWindow: number; price: Omit<ListPrice, "output"> },
): ModelCard {
  return {
    id: `${provider}/${entry.name}`,
    provider,
    name: entry.name,
    kind: "embedding",
    tier: null,
    contextWindow: entry.contextWindow,
    maxOutputTokens: 0,
    capabilities: [],
    price: priceIn({ ...entry.price, output: 0 }),
    staysAtEdge,
  };
}

/** OpenAI bills a whole request at twice the input price once its prompt passes this; the true window is 1,050,000. */
const openaiFlatPriceWindow = 272_000;
const openaiMaxOutput = 128_000;
const openaiCapabilities = ["tools", "json_schema", "images", "reasoning"] as const;

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
    contextWindow: openaiFlatPriceWindow,
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
    // Refuses `reasoning_effort: "none"`, without which OpenAI's chat completions take no function tools.
    name: "gpt-6.1-sol",
    tier: "reasoning",
    contextWindow: openaiFlatPriceWindow,
    maxOutputTokens: openaiMaxOutput,
    capabilities: ["json_schema", "images", "reasoning"],
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
    contextWindow: openaiFlatPriceWindow,
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
  contextWindow: openaiFlatPriceWindow,
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
 * the day they were read; a deployment changes or adds models with PARAPET_PROVIDERS.
 */
export const catalog: readonly ModelCard[] = [
  ...workersAiChat.map((entry) => chatCard("workers-ai", true, entry)),
  ...[openaiFast, ...openaiChat].map((entry) => chatCard("openai", false, entry)),
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
