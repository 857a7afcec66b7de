import { readApiKey } from "../../../src/core/api-key.ts";
import { chatRequest, type ChatRequest } from "../../../src/core/chat.ts";
import { newId } from "../../../src/core/ids.ts";
import { sha256Hex } from "../../../src/core/hash.ts";
import type { Principal } from "../../../src/core/principal.ts";
import { allowedUrls, complete } from "../../../src/gateway/complete.ts";
import { chooseRoute } from "../../../src/gateway/choose-route.ts";
import { estimatePromptTokens } from "../../../src/gateway/estimate-tokens.ts";
import type { RequestScope } from "../../../src/gateway/request-scope.ts";
import { holdDeps } from "../../../src/gateway/prepare.ts";
import { openHold, type Hold } from "../../../src/gateway/hold.ts";
import parapet from "../../../src/index.ts";
import { loadServices, type Services } from "../../../src/services.ts";
import { startTrace } from "../../../src/telemetry/trace.ts";
import type { StageName } from "./stages.ts";
import { benchAnswer, modelOfDelay, requestBody } from "./workload.ts";

// The production bundle with one more route: GET /stage runs one stage many times over. workerd's clock stands still without
// I/O, so the caller measures, and takes the difference between many runs and none.

export { CollectionIndex, Collector, EvalRunner, Meter } from "../../../src/index.ts";

interface StageContext {
  env: Env;
  services: Services;
  key: string;
  body: string;
  streamBody: string;
  request: ChatRequest;
  principal: Principal;
  ctx: ExecutionContext;
  holds: Hold[];
}

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
    chooseRoute({ request, promptTokens: estimatePromptTokens(request), models: services.registry }),
  async admit(context) {
    context.holds.push(await admit(context));
  },
  async settle(context) {
    let settled: Promise<unknown> = Promise.resolve();
    const hold = await admit(context, (promise) => {
      settled = promise;
    });
    hold.settle({ outcome: "ok" });
    await settled;
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
  complete: (context) => complete(context.request, scopeOf(context), context.services.gateway),
  app_plain: (context) => callApp(context, context.body),
  app_stream: (context) => callApp(context, context.streamBody),
} satisfies Record<StageName, Stage>;

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname !== "/stage") return parapet.fetch?.(request, env, ctx) ?? new Response(null, { status: 404 });
    const name = url.searchParams.get("name") ?? "";
    if (!isStage(name)) return new Response(`no stage ${name}`, { status: 404 });
    const key = url.searchParams.get("key") ?? "";
    const services = await loadServices(env);
    const model = `bench/${modelOfDelay(0)}`;
    const body = requestBody({ model, mode: "plain" });
    const context: StageContext = {
      env,
      services,
      key,
      body,
      streamBody: requestBody({ model, mode: "stream" }),
      request: chatRequest.parse(JSON.parse(body)),
      principal: await principalOf(key, services),
      ctx,
      holds: [],
    };
    const stage: Stage = stages[name];
    for (let left = Number(url.searchParams.get("times")); left > 0; left -= 1) {
      const result = stage(context);
      if (result instanceof Promise) await result;
    }
    for (const hold of context.holds) hold.settle({ outcome: "ok" });
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
  };
}

function scopeOf({ services, principal, ctx }: StageContext): RequestScope {
  return {
    principal,
    trace: startTrace({ name: "POST", clock: services.clock, linked: null }),
    signal: new AbortController().signal,
    waitUntil: (promise) => ctx.waitUntil(promise),
  };
}

function admit(context: StageContext, waitUntil?: (promise: Promise<unknown>) => void): Promise<Hold> {
  const scope = scopeOf(context);
  return openHold(holdDeps(waitUntil === undefined ? scope : { ...scope, waitUntil }, context.services.gateway), {
    action: "chat.completions",
    target: context.request.model,
    bound: { costMicros: 2_000, tokens: 400 },
    usage: null,
  });
}

async function callApp({ key, env, ctx }: StageContext, body: string): Promise<string> {
  const request = new Request("http://parapet/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body,
  });
  // The incoming type's Cloudflare properties are absent here as they are in any request of workerd's.
  const response = await parapet.fetch?.(request as Parameters<NonNullable<typeof parapet.fetch>>[0], env, ctx);
  if (response?.status !== 200) throw new Error(`the app answered ${response?.status}: ${await response?.text()}`);
  return response.text();
}

function providerUrl(env: object): string {
  return String(Reflect.get(env, "PROVIDER_URL"));
}
