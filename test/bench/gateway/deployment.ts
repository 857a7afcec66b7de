import { readdirSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import type { BuiltWorker } from "./build-worker.ts";
import type { WorkerConfig } from "./workerd-config.ts";
import { startWorkerd } from "./workerd-process.ts";
import { delaysMs, modelOfDelay, providerName } from "./workload.ts";

const adminToken = "admin_bench_admin_bench_admin_bench_admin";

export interface Deployment {
  pid: number;
  parapetUrl: string;
  stagesUrl: string;
  passThroughUrl: string;
  stop(): Promise<void>;
}

/** The floor: what any worker on workerd costs that sends a body on and the answer back. */
const passThroughScript = `export default {
  fetch(request, env) {
    const { pathname } = new URL(request.url);
    return fetch(env.PROVIDER_URL + pathname, { method: request.method, headers: request.headers, body: request.body });
  },
};`;

/** Stands in for bindings that the benchmark never calls. */
const absentScript = `export default { fetch() { return new Response(null, { status: 501 }); } };`;

/**
 * Starts workerd with Parapet's bundle, with the stages (the same code behind another entry point), and with a worker that only
 * passes through. Objects keep their SQLite on disk; D1 and R2 are storage-worker.ts, in the same process.
 */
export async function startDeployment({
  root,
  folder,
  parapet,
  stages,
  providerUrl,
  settings = {},
  inspectorPort,
}: {
  root: string;
  /** Takes workerd's files and state. */
  folder: string;
  parapet: BuiltWorker;
  stages: BuiltWorker;
  /** Without `/v1`. */
  providerUrl: string;
  /** Settings of Parapet's that differ from the benchmark's. */
  settings?: Record<string, string>;
  inspectorPort?: number;
}): Promise<Deployment> {
  const governed = (name: string, { modules }: BuiltWorker): WorkerConfig[] => [
    {
      name,
      modules,
      text: { ...benchSettings(providerUrl), ...settings },
      objects: {
        METER: "Meter",
        COLLECTOR: "Collector",
        COLLECTION: "CollectionIndex",
        EVAL_RUNNER: "EvalRunner",
        ALLOWANCE: "Allowance",
        REPLAY: "Replay",
        RESPONSE_CACHE: "ResponseCache",
        RESPONSE_SESSION: "ResponseSession",
        PROVIDER_HEALTH: "ProviderHealth",
      },
      services: { CONTENT: { service: `${name}-storage`, entrypoint: "Bucket" }, AI: "absent", VECTORIZE: "absent" },
      databases: { DB: `${name}-storage` },
      listens: true,
    },
    {
      name: `${name}-storage`,
      modules: [script(stripTypeScriptTypes(readFileSync(join(import.meta.dirname, "storage-worker.ts"), "utf8")))],
      objects: { DATABASE: "Database" },
      listens: true,
    },
  ];
  const running = await startWorkerd({
    folder,
    ...(inspectorPort === undefined ? {} : { inspectorPort }),
    workers: [
      ...governed("parapet", parapet),
      ...governed("stages", stages),
      {
        name: "pass-through",
        modules: [script(passThroughScript)],
        text: { PROVIDER_URL: providerUrl },
        listens: true,
      },
      { name: "absent", modules: [script(absentScript)], listens: false },
    ],
  });
  const urlOf = (name: string) => running.urls.get(name) ?? "";
  try {
    for (const name of ["parapet", "stages"]) await applyMigrations(root, urlOf(`${name}-storage`));
  } catch (cause) {
    await running.stop();
    throw cause;
  }
  return {
    pid: running.pid,
    parapetUrl: urlOf("parapet"),
    stagesUrl: urlOf("stages"),
    passThroughUrl: urlOf("pass-through"),
    stop: running.stop,
  };
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

function benchSettings(providerUrl: string): Record<string, string> {
  const providers = [
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
  return {
    PROVIDER_URL: providerUrl,
    PARAPET_ENVIRONMENT: "production",
    PARAPET_SECRET: "bench-secret-bench-secret-bench-secret",
    PARAPET_ADMIN_TOKEN: adminToken,
    PARAPET_PROVIDERS: JSON.stringify(providers),
    // High, not absent: every check runs, and none refuses.
    PARAPET_REQUESTS_PER_MINUTE: "100000000",
    PARAPET_TOKENS_PER_MINUTE: "100000000000",
    PARAPET_DAILY_BUDGET_MICROS: "100000000000",
    PARAPET_MONTHLY_BUDGET_MICROS: "100000000000",
  };
}

function script(contents: string): BuiltWorker["modules"][number] {
  return { type: "ESModule", path: "index.js", contents };
}

async function applyMigrations(root: string, databaseUrl: string): Promise<void> {
  const folder = join(root, "migrations");
  const names = readdirSync(folder).filter((file) => file.endsWith(".sql"));
  for (const name of names.toSorted()) {
    const statements = readFileSync(join(folder, name), "utf8").split("--> statement-breakpoint");
    const response = await fetch(databaseUrl, {
      method: "POST",
      body: JSON.stringify(statements.filter((sql) => sql.trim() !== "").map((sql) => ({ sql }))),
    });
    if (!response.ok) throw new Error(`the migration ${name} failed: ${await response.text()}`);
  }
}
