import { systemClock, type Clock } from "./core/clock.ts";
import { canonicalJson, sha256Hex } from "./core/hash.ts";
import type { ModelCard } from "./core/model.ts";
import type { Principal } from "./core/principal.ts";
import type { Replay } from "./core/replay.ts";
import { createSecretKeys, type SecretKeys } from "./core/secret-keys.ts";
import { createAuditStore, type AuditStore } from "./db/audit-store.ts";
import { createBudgetStore, type BudgetStore } from "./db/budget-store.ts";
import { isMigrated, openDatabase } from "./db/client.ts";
import { createCollectionStore, type CollectionStore } from "./db/collection-store.ts";
import { createContentStore, type ContentStore } from "./db/content-store.ts";
import { createEvalStore, type EvalStore } from "./db/eval-store.ts";
import { createKeyStore, type KeyStore } from "./db/key-store.ts";
import { createTraceStore, type TraceStore } from "./db/trace-store.ts";
import { createUsageStore, type UsageStore } from "./db/usage-store.ts";
import { parseSettings, type Settings } from "./env.ts";
import { defaultBreakerPolicy } from "./gateway/breaker.ts";
import type { IngestDeps } from "./gateway/ingest-document.ts";
import type { GatewayDeps } from "./gateway/request-scope.ts";
import { parseJwtIssuers } from "./identity/jwt-issuers.ts";
import { createUserTokens, type UserTokens } from "./identity/user-tokens.ts";
import { createUpstreams } from "./gateway/upstreams.ts";
import { wait } from "./gateway/wait.ts";
import { guardrailPolicy } from "./guardrails/policy.ts";
import { createGuardrails } from "./guardrails/run-guardrails.ts";
import type { Collector } from "./objects/collector.ts";
import type { EvalRunnerContract } from "./objects/eval-runner.ts";
import type { Meter } from "./objects/meter.ts";
import type { ResponseSession } from "./objects/response-session.ts";
import { loadPrompts } from "./prompting/load-prompts.ts";
import { configureModels, type ConfiguredModels } from "./configure-models.ts";
import { searchCollection } from "./retrieval/search.ts";
import type { VectorIndex } from "./retrieval/vector-index.ts";
import { logError, logWarning } from "./telemetry/log.ts";

/** Everything a request needs, built once per isolate. */
export interface Services {
  settings: Settings;
  clock: Clock;
  secretKeys: SecretKeys;
  /** `null` when the deployment takes no end users' tokens. */
  userTokens: UserTokens | null;
  registry: ConfiguredModels["registry"];
  keys: KeyStore;
  budgets: BudgetStore;
  usage: UsageStore;
  audit: AuditStore;
  traces: TraceStore;
  collections: CollectionStore;
  evals: EvalStore;
  content: ContentStore;
  gateway: GatewayDeps;
  /** The gateway's, and what brings documents in. */
  ingestion: IngestDeps;
  /** Model, dimensions, pooling and metric of the deployment's vectors. */
  embeddingFingerprint: string;
  isMigrated(): Promise<boolean>;
  meterOf(principal: Principal): DurableObjectStub<Meter>;
  collectorOf(projectId: string): DurableObjectStub<Collector>;
  /** The object that keeps one of the subject's conversations. */
  responseSessionOf(principal: Principal, session: string): DurableObjectStub<ResponseSession>;
  evalRunnerOf(projectId: string): EvalRunnerContract;
  /** Named `project/subjectId/…`: whose answer it keeps. */
  replayOf(name: string): Replay;
  /** Brings the caller's own rows and what the project's collector holds into the database, so that it sees what it just did. */
  freshen(principal: Principal): Promise<void>;
}

const cache = new WeakMap<object, Promise<Services>>();

/** The isolate's services, built with its first request. */
export function loadServices(env: Env): Promise<Services> {
  const known = cache.get(env);
  if (known !== undefined) return known;
  const building = createServices(env, parseSettings(env));
  cache.set(env, building);
  // A start that failed is tried again with the next request.
  building.catch(() => cache.delete(env));
  return building;
}

/** The composition root: the one place where bindings, stores and domain code meet. */
export async function createServices(env: Env, settings: Settings): Promise<Services> {
  const clock = systemClock;
  const db = openDatabase(env.DB);
  const secretKeys = await createSecretKeys(settings.PARAPET_SECRET);
  const models = configureModels(env, settings);
  const issuers = parseJwtIssuers(settings.PARAPET_JWT_ISSUERS);
  const collections = createCollectionStore(db);
  const content = createContentStore({
    bucket: env.CONTENT,
    keys: secretKeys,
    retentionDays: settings.PARAPET_CONTENT_RETENTION_DAYS,
  });
  const linkHosts = settings.PARAPET_LINK_HOSTS.split(",")
    .map((host) => host.trim())
    .filter((host) => host !== "");
  const policy = guardrailPolicy.parse({ link_hosts: linkHosts, image_hosts: linkHosts });
  const guardrails = createGuardrails(policy, { clock });
  const meterOf = ({ projectId, subjectId }: Principal) => env.METER.getByName(`${projectId}/${subjectId}`);
  const collectorOf = (projectId: string) => env.COLLECTOR.getByName(projectId);
  const indexOf = (projectId: string, collectionId: string) => env.COLLECTION.getByName(`${projectId}/${collectionId}`);

  // Wrangler declares the binding by its retired first version; the real one, and the simulator, are what retrieval describes.
  const vectors = env.VECTORIZE as unknown as VectorIndex;
  const gateway: GatewayDeps = {
    clock,
    models: models.registry,
    retrievalModel: models.retrievalModel,
    guardrails,
    prompts: await loadPrompts(),
    groundedPrompt: settings.PARAPET_GROUNDED_PROMPT,
    keepContent: (place, kept) =>
      content
        .write(place, kept)
        .catch((cause: unknown) => logError("content.write_failed", { trace: place.traceId }, cause)),
    meterOf,
    async findCollection(projectId, id) {
      if ((await collections.findCollection(projectId, id)) === null) return null;
      const collection = indexOf(projectId, id);
      return {
        id,
        search: ({ query, limit, embed }) =>
          searchCollection({ collection, vectors, embed }, { projectId, collectionId: id, query, limit }),
      };
    },
    ...(settings.PARAPET_ENVIRONMENT === "local"
      ? { reportFailure: (failure) => logWarning("model.call_failed", { ...failure }) }
      : {}),
    strongShare: settings.PARAPET_ROUTER_STRONG_SHARE,
    orphanAfterMs: settings.PARAPET_ORPHAN_AFTER_MS,
    totalTimeoutMs: settings.PARAPET_TOTAL_TIMEOUT_MS,
    responseCache: {
      clock,
      cacheOf: (name) => env.RESPONSE_CACHE.getByName(name),
      keys: secretKeys,
      defaultTtlMs: settings.PARAPET_CACHE_TTL_MS,
      policyVersion: await sha256Hex(canonicalJson(policy)),
    },
    upstreams: createUpstreams({
      clock,
      policy: {
        ...defaultBreakerPolicy,
        minimumFailures: settings.PARAPET_BREAKER_FAILURES,
        cooldownMs: settings.PARAPET_BREAKER_COOLDOWN_MS,
      },
      sharedOf: (model) => env.PROVIDER_HEALTH.getByName(model),
      wait,
    }),
  };

  return {
    settings,
    clock,
    secretKeys,
    // In workerd, fetch must be called as a function of the global scope.
    userTokens: issuers.length === 0 ? null : createUserTokens(issuers, { clock, fetch: (...call) => fetch(...call) }),
    registry: models.registry,
    keys: createKeyStore(db),
    budgets: createBudgetStore(db),
    usage: createUsageStore(db),
    audit: createAuditStore(db),
    traces: createTraceStore(db),
    collections,
    evals: createEvalStore(db),
    content,
    embeddingFingerprint: fingerprintOf(models.retrievalModel, models.dimensions),
    isMigrated: () => isMigrated(db),
    meterOf,
    collectorOf,
    responseSessionOf: ({ projectId, subjectId }, session) =>
      env.RESPONSE_SESSION.getByName(`${projectId}/${subjectId}/${session}`),
    evalRunnerOf: (projectId) => env.EVAL_RUNNER.getByName(projectId),
    replayOf: (name) => env.REPLAY.getByName(name),
    async freshen(principal) {
      // The caller's own meter first: what it just did is still there. Neither being out of reach stops a reader.
      await meterOf(principal)
        .deliver()
        .then(() => collectorOf(principal.projectId).flush())
        .catch((cause: unknown) => logError("records.unreachable", { project: principal.projectId }, cause));
    },
    gateway,
    ingestion: { ...gateway, collections, vectors, indexOf },
  };
}

function fingerprintOf(card: ModelCard, dimensions: number): string {
  return `${card.name}/${dimensions}/cosine`;
}
