import type { Clock } from "../core/clock.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { ChatModel, EmbeddingModel, ModelCard, Tier } from "../core/model.ts";
import type { Meter } from "../core/meter.ts";
import type { Principal } from "../core/principal.ts";
import type { SearchableCollection } from "./searchable-collection.ts";
import type { contextForm } from "./context-form.ts";
import type { ContentPlace, StoredContent } from "../db/content-store.ts";
import type { Guardrails } from "../guardrails/run-guardrails.ts";
import type { PromptLibrary } from "../prompting/load-prompts.ts";
import type { Trace } from "../telemetry/trace.ts";
import type { ResponseCacheDeps } from "./response-cache.ts";
import type { Upstreams } from "./upstreams.ts";

/** What the gateway needs of the deployment: filled by the composition root. */
export interface GatewayDeps {
  clock: Clock;
  models: {
    find(id: string): ModelCard | null;
    listForTier(tier: Tier): ModelCard[];
    list(): ModelCard[];
    chatModelFor(card: ModelCard): ChatModel;
    embeddingModelFor(card: ModelCard): EmbeddingModel;
  };
  /** The model that embeds queries and documents. */
  retrievalModel: ModelCard;
  guardrails: Guardrails;
  prompts: PromptLibrary;
  /** The prompt of grounded answers: small models need another than large ones. */
  groundedPrompt: keyof typeof contextForm;
  /** Keeps what was said; a failure is logged, never the request's. */
  keepContent(place: ContentPlace, content: StoredContent): Promise<void>;
  meterOf(principal: Principal): Meter;
  /** `null` when the project has no such collection. */
  findCollection(projectId: string, id: string): Promise<SearchableCollection | null>;
  /** The share of usual prompts that `auto` sends beyond the fast tier, 0 to 1. */
  strongShare: number;
  orphanAfterMs: number;
  totalTimeoutMs: number;
  /** What this isolate knows of the providers' health and limits. */
  upstreams: Upstreams;
  /** Where answers to equal requests are kept. */
  responseCache: ResponseCacheDeps;
  /** Hears of every call that a model failed, where somebody watches: names and numbers, never what was said. */
  reportFailure?(failure: ModelFailure): void;
}

export interface ModelFailure {
  /** The model card's id. */
  model: string;
  code: ErrorCode;
  /** The HTTP status the provider answered with; `null` where it did not. */
  status: number | null;
}

/** One request, from its admission to its settlement. */
export interface RequestScope {
  principal: Principal;
  /** What the audit log calls it, after the front door it came through. */
  action: string;
  trace: Trace;
  /** Aborts when the client leaves. */
  signal: AbortSignal;
  /** When the request must be over, all attempts together. Absent: the deployment's total timeout after each call's start. */
  deadlineMs?: number;
  /** The caller set that deadline, and it is shorter than the deployment's: what misses it is not down. */
  hasOwnDeadline?: boolean;
  /** Keeps the worker alive for what must happen after the response. */
  waitUntil(promise: Promise<unknown>): void;
}
