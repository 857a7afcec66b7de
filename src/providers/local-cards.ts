import type { ModelCard } from "../core/model.ts";
import type { TokenPrice } from "../core/money.ts";

/** What this machine computes has no price list: its price is known, and it is zero. */
const localCompute: TokenPrice = { inputPico: 0, cachedInputPico: 0, outputPico: 0, source: "local compute" };

const localChat = {
  name: "local/chat",
  kind: "chat",
  contextWindow: 8_192,
  maxOutputTokens: 2_048,
  capabilities: ["tools", "json_schema"],
  price: localCompute,
  staysAtEdge: true,
} as const satisfies Partial<ModelCard>;

/** Embeds documents and queries in development. */
export const localRetrievalModelId = "workers-ai/local/use-lite-512";

/**
 * Development's models, all answered by the local model server: the fast tier and embeddings through the `AI` binding, as in
 * production; the other tiers through the `openai` package, until a key for a real provider is set.
 */
export const localCards: ModelCard[] = [
  { ...localChat, id: "workers-ai/local/chat", provider: "workers-ai", tier: "fast" },
  { ...localChat, id: "local/standard", provider: "local", tier: "standard" },
  { ...localChat, id: "local/reasoning", provider: "local", tier: "reasoning" },
  {
    id: "workers-ai/local/use-lite-512",
    provider: "workers-ai",
    name: "local/use-lite-512",
    kind: "embedding",
    tier: null,
    contextWindow: 512,
    maxOutputTokens: 0,
    capabilities: [],
    price: localCompute,
    staysAtEdge: true,
  },
];
