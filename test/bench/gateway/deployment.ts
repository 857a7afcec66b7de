import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import type { BuiltWorker } from "./build-worker.ts";
import { delaysMs, modelOfDelay } from "./workload.ts";

export const adminToken = "admin_bench_admin_bench_admin_bench_admin";
/** The provider's name in PARAPET_PROVIDERS. */
export const providerName = "bench";

export interface Deployment {
  /** Where each worker listens itself, without Miniflare's entry worker in front of it. */
  parapetUrl: string;
  stagesUrl: string;
  passThroughUrl: string;
  stop(): Promise<void>;
}

const compatibility = {
  compatibilityDate: "2026-11-01",
  compatibilityFlags: ["nodejs_compat", "enable_request_signal"],
};
const socket = { host: "127.0.0.1", port: 0 };

/** The floor: what any worker on workerd costs that sends a body on and the answer back. */
const passThroughScript = `export default {
  fetch(request, env) {
    return fetch(env.PROVIDER_URL + new URL(request.url).pathname, { method: request.method, headers: request.headers, body: request.body });
  },
};`;

/** Stands in for bindings that the benchmark never calls. */
const absentScript = `export default { fetch() { return new Response(null, { status: 501 }); } };`;

/**
 * Starts workerd with Parapet's bundle, the same bundle with the stages' own entry point, and a worker that only passes through.
 * D1, R2 and the objects' SQLite are Miniflare's, in memory and in the same process: their work is part of what is measured.
 */
export async function startDeployment({
  root,
  parapet,
  stages,
  providerUrl,
  inspectorPort,
}: {
  root: string;
  parapet: BuiltWorker;
  stages: BuiltWorker;
  /** Without `/v1`. */
  providerUrl: string;
  inspectorPort?: number;
}): Promise<Deployment> {
  const bindings = {
    PARAPET_ENVIRONMENT: "production",
    PARAPET_SECRET: "bench-secret-bench-secret-bench-secret",
    PARAPET_ADMIN_TOKEN: adminToken,
    PARAPET_PROVIDERS: JSON.stringify(providerSettings(providerUrl)),
    // High, not absent: every check runs, and none refuses.
    PARAPET_REQUESTS_PER_MINUTE: "100000000",
    PARAPET_TOKENS_PER_MINUTE: "100000000000",
    PARAPET_DAILY_BUDGET_MICROS: "100000000000",
    PARAPET_MONTHLY_BUDGET_MICROS: "100000000000",
  };
  const governed = (name: string, { modules }: BuiltWorker) => ({
    name,
    ...compatibility,
    modules,
    bindings: { ...bindings, PROVIDER_URL: providerUrl },
    durableObjects: {
      METER: { className: "Meter", useSQLite: true },
      COLLECTOR: { className: "Collector", useSQLite: true },
      COLLECTION: { className: "CollectionIndex", useSQLite: true },
      EVAL_RUNNER: { className: "EvalRunner", useSQLite: true },
    },
    d1Databases: { DB: name },
    r2Buckets: { CONTENT: name },
    serviceBindings: { AI: "absent", VECTORIZE: "absent" },
    unsafeDirectSockets: [socket],
  });
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      logRequests: false,
      ...(inspectorPort === undefined ? {} : { inspectorPort }),
      workers: [
        governed("parapet", parapet),
        governed("stages", stages),
        {
          name: "pass-through",
          ...compatibility,
          modules: [{ type: "ESModule", path: "index.js", contents: passThroughScript }],
          bindings: { PROVIDER_URL: providerUrl },
          unsafeDirectSockets: [socket],
        },
        { name: "absent", ...compatibility, modules: [{ type: "ESModule", path: "index.js", contents: absentScript }] },
      ],
    }),
  );
  try {
    await miniflare.ready;
    for (const name of ["parapet", "stages"]) await applyMigrations(root, await miniflare.getD1Database("DB", name));
    const urlOf = async (name: string) => (await miniflare.unsafeGetDirectURL(name)).origin;
    return {
      parapetUrl: await urlOf("parapet"),
      stagesUrl: await urlOf("stages"),
      passThroughUrl: await urlOf("pass-through"),
      stop: () => miniflare.dispose(),
    };
  } catch (cause) {
    await miniflare.dispose();
    throw cause;
  }
}

/** Makes a key as an operator would. */
export async function createKey(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "bench", scopes: ["chat", "embeddings"] }),
  });
  const body: unknown = await response.json();
  if (response.ok && typeof body === "object" && body !== null && "key" in body && typeof body.key === "string")
    return body.key;
  throw new Error(`POST /v1/keys answered ${response.status}: ${JSON.stringify(body)}`);
}

function providerSettings(providerUrl: string): object[] {
  return [
    {
      name: providerName,
      baseUrl: `${providerUrl}/v1`,
      models: delaysMs.map((delayMs) => ({
        name: modelOfDelay(delayMs),
        contextWindow: 128_000,
        maxOutputTokens: 16_000,
        price: { inputUsdPerMillion: 2, outputUsdPerMillion: 8 },
      })),
    },
  ];
}

async function applyMigrations(
  root: string,
  database: { prepare(sql: string): { run(): Promise<unknown> } },
): Promise<void> {
  const folder = join(root, "migrations");
  for (const name of readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .toSorted()) {
    const statements = readFileSync(join(folder, name), "utf8").split("--> statement-breakpoint");
    for (const statement of statements) if (statement.trim() !== "") await database.prepare(statement).run();
  }
}
