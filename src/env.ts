import { z } from "zod";
import { AppError } from "./core/errors.ts";

const wholeNumber = z.coerce.number().int().min(0);
/** Empty is "no limit"; unset is the default. */
const limit = (fallback: number) => z.union([z.literal("").transform(() => null), wholeNumber]).default(fallback);

/** An empty variable is an unset one. */
const optionalText = z
  .string()
  .transform((text) => (text.trim() === "" ? undefined : text))
  .optional();

/** Every variable and secret Parapet reads, with its default. Money in micro-USD, times in milliseconds. */
export const settingsSchema = z.object({
  PARAPET_ENVIRONMENT: z.enum(["local", "production"]),
  /** The deployment's one secret: API keys, subject ids and content keys derive from it. */
  PARAPET_SECRET: z.string().min(32, "must have at least 32 characters"),
  /** The bootstrap admin's bearer token. Without it there is no bootstrap admin. */
  PARAPET_ADMIN_TOKEN: z.string().min(32, "must have at least 32 characters").optional(),

  OPENAI_API_KEY: optionalText,
  OPENAI_BASE_URL: z.url().default("https://api.openai.com/v1"),
  ANTHROPIC_API_KEY: optionalText,
  ANTHROPIC_BASE_URL: z.url().default("https://api.anthropic.com"),
  GOOGLE_API_KEY: optionalText,
  GOOGLE_BASE_URL: z.url().default("https://generativelanguage.googleapis.com/v1beta"),
  /** More OpenAI-compatible providers, as JSON: see docs/configure.md. */
  PARAPET_PROVIDERS: optionalText,
  /** Prices in place of the catalog's, as JSON: see docs/configure.md. */
  PARAPET_PRICES: optionalText,
  /** Set by `npm run dev`: the local model server. */
  PARAPET_LOCAL_MODEL_URL: z.url().optional(),

  /** Limits of a subject whose key sets none of its own. */
  PARAPET_REQUESTS_PER_MINUTE: limit(600),
  PARAPET_TOKENS_PER_MINUTE: limit(2_000_000),
  PARAPET_DAILY_BUDGET_MICROS: limit(10_000_000),
  PARAPET_MONTHLY_BUDGET_MICROS: limit(100_000_000),
  /** A hold without a sign of life for so long is settled at its bound. */
  PARAPET_ORPHAN_AFTER_MS: wholeNumber.min(1000).default(30_000),
  /** How long a request waits for money that other running requests have reserved. */
  PARAPET_BUDGET_WAIT_MS: wholeNumber.max(20_000).default(5_000),

  PARAPET_HEADERS_TIMEOUT_MS: wholeNumber.min(1).default(30_000),
  PARAPET_FIRST_TOKEN_TIMEOUT_MS: wholeNumber.min(1).default(60_000),
  PARAPET_IDLE_TIMEOUT_MS: wholeNumber.min(1).default(30_000),
  PARAPET_TOTAL_TIMEOUT_MS: wholeNumber.min(1).default(300_000),
  /** A model with so many failures within 30 s, and no more successes than failures, is left alone… */
  PARAPET_BREAKER_FAILURES: wholeNumber.min(1).default(5),
  /** …for so long; doubled, up to a minute, by every probe that fails. */
  PARAPET_BREAKER_COOLDOWN_MS: wholeNumber.min(100).default(5_000),

  /** The share of usual prompts that `auto` sends beyond the fast tier: docs/routing.md. */
  PARAPET_ROUTER_STRONG_SHARE: z.coerce.number().min(0).max(1).default(0.5),

  /** `grounded-answer-small` suits models below about a billion parameters. */
  PARAPET_GROUNDED_PROMPT: z.enum(["grounded-answer", "grounded-answer-small"]).default("grounded-answer"),
  PARAPET_CONTENT_RETENTION_DAYS: wholeNumber.default(30),
  /** Hosts whose links and images may stand in answers, separated by commas. */
  PARAPET_LINK_HOSTS: z.string().default(""),
  /** Hosts this deployment answers at, separated by commas: no webhook goes there. */
  PARAPET_OWN_HOSTS: z.string().default(""),
  /** The only hosts that webhooks may go to, separated by commas; empty: any on the public internet. */
  PARAPET_WEBHOOK_HOSTS: z.string().default(""),

  /** Origins whose pages may call from a browser, separated by commas; `https://*.example.com` is one label below. */
  PARAPET_CORS_ORIGINS: z.string().default(""),
  /** Identity providers whose users may call with their JWTs, as JSON: see docs/configure.md. */
  PARAPET_JWT_ISSUERS: optionalText,
  /** How long an answer serves equal requests that do not say whether it may; 0: only those that ask for it. */
  PARAPET_CACHE_TTL_MS: wholeNumber.max(30 * 86_400_000).default(0),
});
export type Settings = z.infer<typeof settingsSchema>;

/** Parses the worker's environment. A deployment that lacks a setting answers every request with what to do about it. */
export function parseSettings(env: object): Settings {
  const parsed = settingsSchema.safeParse(env);
  if (parsed.success) return parsed.data;
  const names = [...new Set(parsed.error.issues.map((issue) => String(issue.path[0])))];
  throw new AppError("not_ready", `Parapet is not configured: check ${names.join(", ")} (docs/configure.md).`, {
    internal: z.prettifyError(parsed.error),
  });
}
