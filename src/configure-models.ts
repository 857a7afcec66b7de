import { AppError } from "./core/errors.ts";
import type { ChatModel, EmbeddingModel, ModelCard } from "./core/model.ts";
import type { Settings } from "./env.ts";
import { createAnthropic } from "./providers/anthropic/model.ts";
import { catalog, retrievalModelId } from "./providers/catalog.ts";
import { createGoogle } from "./providers/google/model.ts";
import { localCards, localRetrievalModelId } from "./providers/local-cards.ts";
import { createOpenAI } from "./providers/openai/model.ts";
import { createOpenAICompatible } from "./providers/openai-compatible/model.ts";
import { applyPrices } from "./providers/price-settings.ts";
import { parseProviders } from "./providers/provider-settings.ts";
import { createRegistry, type ModelRegistry } from "./providers/registry.ts";
import { createWorkersAI } from "./providers/workers-ai/model.ts";

export interface ConfiguredModels {
  registry: ModelRegistry;
  /** Embeds documents and queries. */
  retrievalModel: ModelCard;
  dimensions: number;
}

/** Builds the registry from what this deployment has credentials for. */
export function configureModels(env: Env, settings: Settings): ConfiguredModels {
  const isLocal = settings.PARAPET_ENVIRONMENT === "local";
  const timeouts = {
    headersMs: settings.PARAPET_HEADERS_TIMEOUT_MS,
    firstTokenMs: settings.PARAPET_FIRST_TOKEN_TIMEOUT_MS,
    idleMs: settings.PARAPET_IDLE_TIMEOUT_MS,
    totalMs: settings.PARAPET_TOTAL_TIMEOUT_MS,
  };
  const models = new Map<string, ChatModel & EmbeddingModel>();
  models.set("workers-ai", createWorkersAI(env.AI, { timeouts }));
  if (settings.OPENAI_API_KEY !== undefined) {
    models.set(
      "openai",
      createOpenAI({ baseUrl: settings.OPENAI_BASE_URL, apiKey: settings.OPENAI_API_KEY, timeouts }),
    );
  }
  if (settings.ANTHROPIC_API_KEY !== undefined) {
    models.set(
      "anthropic",
      createAnthropic({ baseUrl: settings.ANTHROPIC_BASE_URL, apiKey: settings.ANTHROPIC_API_KEY, timeouts }),
    );
  }
  if (settings.GOOGLE_API_KEY !== undefined) {
    models.set(
      "google",
      createGoogle({ baseUrl: settings.GOOGLE_BASE_URL, apiKey: settings.GOOGLE_API_KEY, timeouts }),
    );
  }
  if (isLocal && settings.PARAPET_LOCAL_MODEL_URL !== undefined) {
    models.set(
      "local",
      createOpenAICompatible({ name: "local", baseUrl: settings.PARAPET_LOCAL_MODEL_URL, apiKey: null, timeouts }),
    );
  }
  const providers = parseProviders(settings.PARAPET_PROVIDERS);
  for (const { name, endpoint } of providers) {
    if (endpoint === null) continue;
    const { baseUrl, apiKeySecret, dialect } = endpoint;
    models.set(
      name,
      createOpenAICompatible({ name, baseUrl, apiKey: readSecret(env, apiKeySecret), timeouts, dialect }),
    );
  }

  const vendorCards = isLocal ? [...catalog.filter((card) => card.provider !== "workers-ai"), ...localCards] : catalog;
  // A team's own providers come first in their tiers: it named them for a reason.
  const registry = createRegistry({
    cards: applyPrices([...providers.flatMap((provider) => provider.cards), ...vendorCards], settings.PARAPET_PRICES),
    models,
  });
  const retrievalModel = registry.find(isLocal ? localRetrievalModelId : retrievalModelId);
  if (retrievalModel === null) throw new AppError("not_ready", "No embedding model is configured.");
  return { registry, retrievalModel, dimensions: isLocal ? 512 : 1024 };
}

function readSecret(env: object, name: string | undefined): string | null {
  if (name === undefined) return null;
  const value: unknown = Reflect.get(env, name);
  if (typeof value === "string" && value !== "") return value;
  throw new AppError("not_ready", `PARAPET_PROVIDERS names the secret ${name}, which is not set.`);
}
