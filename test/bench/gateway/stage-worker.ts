import { readApiKey } from "../../../src/core/api-key.ts";
import { chatRequest, type ChatRequest } from "../../../src/core/chat.ts";
import { newId } from "../../../src/core/ids.ts";
import { sha256Hex } from "../../../src/core/hash.ts";
import type { ModelCard } from "../../../src/core/model.ts";
import type { AuditRecord, TraceRecord, UsageRecord } from "../../../src/core/records.ts";
import type { Principal } from "../../../src/core/principal.ts";
import { allowedUrls } from "../../../src/gateway/check-answer.ts";
import { chooseRoute } from "../../../src/gateway/choose-route.ts";
import { measurePrompt } from "../../../src/gateway/estimate-tokens.ts";
import { noUsage, usageRow } from "../../../src/gateway/account-call.ts";
import parapet from "../../../src/index.ts";
import { loadServices, type Services } from "../../../src/services.ts";
import { startTrace } from "../../../src/telemetry/trace.ts";
import type { StageName } from "./stages.ts";
import { benchAnswer, modelOfDelay, providerName, requestBody } from "./workload.ts";

// The production bundle with one more route: GET /stage runs one stage many times over. workerd's clock stands still without
// I/O, so the caller measures, and takes the difference between many runs and none.

export { CollectionIndex, Collector, EvalRunner, Meter } from "../../../src/index.ts";

interface StageContext {
  env: Env;
  services: Services;
  key: string;
  body: string;
  request: ChatRequest;
  principal: Principal;
}

/** Holds that `admit` left open for `settle`. */
const held: string[] = [];

type Stage = (context: StageContext) => unknown;

const stages = {
  parse: ({ body }) => chatRequest.parse(JSON.parse(body)),
  authenticate: ({ key, services }) => principalOf(key, services),
  trace({ services, principal }) {
    const trace = startTrace({ name: "POST", clock: services.clock, linked: null });
    trace.startSpan("admit").end();
    trace.startSpan("chat bench", { kind: "client" }).end();
    return trace.finish(principal);
  },
  screen_input: ({ request, services }) => services.gateway.guardrails.screenInput(request.messages, request.tools),
  route: ({ request, services }) =>
    chooseRoute({
      request,
      prompt: measurePrompt(request),
      ownTokens: 100,
      models: services.registry,
      strongShare: 0.5,
    }),
  async admit(context) {
    const holdId = newId("hold");
    held.push(holdId);
    const { services, principal } = context;
    const { audit, usage, trace } = recordsOf(context);
    const bound = { costMicros: 2_000, tokens: 400 };
    const admission = await services
      .meterOf(principal)
      .admit({ holdId, keyId: principal.keyId, traceId: trace.traceId, draft: { audit, usage }, bound });
    if (!admission.admitted) throw new Error(admission.refusal.message);
  },
  async settle(context) {
    const holdId = held.pop();
    if (holdId === undefined) throw new Error("settling takes holds that were admitted before");
    const { audit, usage, trace } = recordsOf(context);
    const settlement = { costMicros: usage.costMicros, tokens: 200, usage: [usage], audit, trace };
    await context.services.meterOf(context.principal).settle(holdId, settlement);
  },
  fetch_provider: async ({ body, env }) =>
    (await fetch(`${providerUrl(env)}/v1/chat/completions`, { method: "POST", body })).text(),
  call_provider({ services, request }) {
    const card = services.registry.find(request.model);
    if (card === null) throw new Error(`no model ${request.model}`);
    return services.registry.chatModelFor(card).chat({
      card,
      request,
      signal: AbortSignal.timeout(60_000),
      traceparent: "00-00000000000000000000000000000001-0000000000000001-01",
    });
  },
  check_output: ({ request, services }) =>
    services.gateway.guardrails.checkOutput(benchAnswer, { allowedUrls: allowedUrls(request, null) }),
  filter_stream({ request, services }) {
    const filter = services.gateway.guardrails.createOutputFilter({ allowedUrls: allowedUrls(request, null) });
    let text = "";
    for (const word of benchAnswer.split(/(?<= )/)) text += filter.push(word);
    return text + filter.flush();
  },
  hash_output: () => sha256Hex(benchAnswer),
  async keep_content({ services, principal, request }) {
    const contentKey = await services.meterOf(principal).contentKey();
    await services.content.write(
      { projectId: principal.projectId, traceId: newId("request"), atMs: services.clock(), contentKey },
      { request, response: { content: benchAnswer, tool_calls: [] } },
    );
  },
  content_key: ({ services, principal }) => services.meterOf(principal).contentKey(),
} satisfies Record<StageName, Stage>;

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname !== "/stage") return parapet.fetch?.(request, env, ctx) ?? new Response(null, { status: 404 });
    const name = url.searchParams.get("name") ?? "";
    if (!isStage(name)) return new Response(`no stage ${name}`, { status: 404 });
    const key = url.searchParams.get("key") ?? "";
    const services = await loadServices(env);
    const body = requestBody({ model: `${providerName}/${modelOfDelay(0)}`, mode: "plain" });
    const context: StageContext = {
      env,
      services,
      key,
      body,
      request: chatRequest.parse(JSON.parse(body)),
      principal: await principalOf(key, services),
    };
    const stage: Stage = stages[name];
    for (let left = Number(url.searchParams.get("times")); left > 0; left -= 1) {
      const result = stage(context);
      if (result instanceof Promise) await result;
    }
    return Response.json({ done: true });
  },
} satisfies ExportedHandler<Env>;

function isStage(name: string): name is StageName {
  return Object.hasOwn(stages, name);
}

async function principalOf(key: string, { secretKeys }: Services): Promise<Principal> {
  const claims = await readApiKey(key, secretKeys);
  if (claims === null) throw new Error("the stages need a genuine key");
  return {
    kind: "key",
    projectId: claims.projectId,
    keyId: claims.keyId,
    subject: claims.keyId,
    subjectId: await secretKeys.subjectId(claims.projectId, claims.keyId),
    groups: [],
    scopes: new Set(claims.scopes),
    roles: [],
    rootKeyId: null,
    allowedModels: null,
    allowedExtensions: null,
    onDisconnect: "abort",
  };
}

/** The rows of one request, as large as real ones. */
function recordsOf({ services, principal, request }: StageContext): {
  audit: AuditRecord;
  usage: UsageRecord;
  trace: TraceRecord;
} {
  const card = modelOf(services, request);
  const trace = startTrace({ name: "POST", clock: services.clock, linked: null });
  trace.startSpan("admit").end();
  trace.startSpan("chat bench", { kind: "client", attributes: { model: card.name, tokens: 200 } }).end();
  const identity = { principal, traceId: trace.traceId, extension: undefined, prompt: null };
  const usage = usageRow(
    identity,
    {
      operation: "chat",
      card,
      usage: { ...noUsage, inputTokens: 180, outputTokens: 21 },
      startMs: services.clock(),
      firstTokenMs: null,
      outputHash: null,
      outcome: "ok",
    },
    services.clock,
  );
  const audit: AuditRecord = {
    id: newId("audit"),
    atMs: services.clock(),
    projectId: principal.projectId,
    actor: principal.keyId ?? principal.kind,
    subjectId: principal.subjectId,
    traceId: trace.traceId,
    action: "chat.completions",
    target: card.id,
    outcome: "ok",
    estimated: false,
    costMicros: usage.costMicros,
    verdicts: [],
    detail: { route_reason: `the request names ${card.id}`, grounding: "none", degraded: false },
  };
  return { audit, usage, trace: trace.finish(principal) };
}

function modelOf(services: Services, request: ChatRequest): ModelCard {
  const card = services.registry.find(request.model);
  if (card === null) throw new Error(`no model ${request.model}`);
  return card;
}

function providerUrl(env: object): string {
  return String(Reflect.get(env, "PROVIDER_URL"));
}
