import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { modelCapabilities, tiers, type ModelCard } from "../core/model.ts";
import { toTokenPrice, usdPrice } from "./usd-price.ts";

const model = z.strictObject({
  name: z.string().min(1).max(200),
  kind: z.enum(["chat", "embedding"]).default("chat"),
  tier: z.enum(tiers).optional(),
  contextWindow: z.int().min(1),
  maxOutputTokens: z.int().min(0),
  capabilities: z.array(z.enum(modelCapabilities)).default([]),
  /** The server continues a conversation that ends with the assistant's own words (vLLM, llama.cpp and Ollama can). */
  prefill: z.boolean().default(false),
  /** `null`: the price is unknown, and nothing is admitted. */
  price: usdPrice.nullable(),
});

/** Vendors to whose catalog a setting may add models. How they are called is Parapet's own. */
const openNames = new Set(["openai", "anthropic", "google"]);
/** Providers that Parapet itself names; a setting must not take their place. */
const reservedNames = new Set([...openNames, "workers-ai", "local", "parapet"]);

const provider = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be lower-case letters, digits and -"),
    /** Up to and including the `/v1`. */
    baseUrl: z.url({ protocol: /^https?$/ }).optional(),
    /** The name of the secret that holds the key; without it no key is sent. */
    apiKeySecret: z
      .string()
      .regex(/^[A-Z][A-Z0-9_]*$/)
      .optional(),
    /** `openai` for servers that behave as OpenAI's own do (Azure's, say); see `openai-compatible/convert-messages.ts`. */
    dialect: z.enum(["openai", "compatible"]).optional(),
    staysAtEdge: z.boolean().optional(),
    models: z.array(model).min(1),
  })
  .superRefine(({ name, models: _models, ...endpoint }, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    const isBare = Object.values(endpoint).every((field) => field === undefined);
    if (openNames.has(name)) {
      if (!isBare) refuse("name", "is the name of a built-in provider: an entry for it has nothing but models");
    } else if (reservedNames.has(name)) refuse("name", "is the name of a built-in provider");
    else if (endpoint.baseUrl === undefined) refuse("baseUrl", "must be there");
  });

const providers = z.array(provider).superRefine((list, context) => {
  const names = list.map((item) => item.name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index)
      context.addIssue({ code: "custom", path: [index, "name"], message: "is named twice" });
  }
});

/** One more OpenAI-compatible provider, or more models of a built-in one, as a deployment configures it. */
export interface ProviderSettings {
  name: string;
  /** `null` for a built-in provider: it is called as it is without the setting. */
  endpoint: ProviderEndpoint | null;
  cards: ModelCard[];
}

export interface ProviderEndpoint {
  baseUrl: string;
  /** The name of the secret, never its value. */
  apiKeySecret: string | undefined;
  dialect: "openai" | "compatible";
}

/** Reads the setting PARAPET_PROVIDERS: a JSON list. Throws `not_ready` with what is wrong; unset is an empty list. */
export function parseProviders(setting: string | undefined): ProviderSettings[] {
  if (setting === undefined || setting.trim() === "") return [];
  const parsed = providers.safeParse(readJson(setting));
  if (!parsed.success) {
    throw new AppError("not_ready", `PARAPET_PROVIDERS is not valid: ${describe(parsed.error)}.`);
  }
  return parsed.data.map(({ name, models, staysAtEdge = false, baseUrl, apiKeySecret, dialect = "compatible" }) => ({
    name,
    endpoint: baseUrl === undefined ? null : { baseUrl, apiKeySecret, dialect },
    cards: models.map((entry) => toCard(entry, name, staysAtEdge)),
  }));
}

function toCard(entry: z.infer<typeof model>, providerName: string, staysAtEdge: boolean): ModelCard {
  return {
    id: `${providerName}/${entry.name}`,
    provider: providerName,
    name: entry.name,
    kind: entry.kind,
    tier: entry.tier ?? null,
    contextWindow: entry.contextWindow,
    maxOutputTokens: entry.maxOutputTokens,
    capabilities: entry.capabilities,
    staysAtEdge,
    prefill: entry.prefill,
    price: entry.price === null ? null : toTokenPrice(entry.price, "PARAPET_PROVIDERS"),
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("not_ready", "PARAPET_PROVIDERS is not valid JSON.");
  }
}

function describe(error: z.ZodError): string {
  return error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join(".") || "the list"} ${issue.message}`)
    .join("; ");
}
