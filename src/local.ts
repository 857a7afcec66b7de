import production from "./index.ts";

export {
  Allowance,
  CollectionIndex,
  Collector,
  EvalRunner,
  Meter,
  ProviderHealth,
  Replay,
  ResponseCache,
  ResponseSession,
} from "./index.ts";
export { LocalAI } from "./local/local-ai.ts";
export { LocalVectorize } from "./local/local-vectorize.ts";
export { LocalVectors } from "./local/local-vectors.ts";

const instruction =
  "This is Parapet's local build, and it has no local settings yet: run `npm run dev` once (it writes .dev.vars), or deploy with `npx wrangler deploy --env production`.";

/**
 * What `wrangler dev` and the tests run: the production worker and the simulated bindings. It serves only where a variable is
 * set that local development alone sets, so that a plain `wrangler deploy` cannot ship the simulators.
 */
export default {
  fetch(request, env, ctx) {
    if (!isLocal(env)) {
      return Response.json(
        { error: { message: instruction, type: "api_error", code: "not_ready", param: null, request_id: null } },
        { status: 503, headers: { "x-should-retry": "false" } },
      );
    }
    return production.fetch?.(request, env, ctx) ?? new Response(null, { status: 500 });
  },
  scheduled(controller, env, ctx) {
    if (isLocal(env)) return production.scheduled?.(controller, env, ctx);
  },
} satisfies ExportedHandler<Env>;

function isLocal(env: object): boolean {
  return "PARAPET_ENVIRONMENT" in env && env.PARAPET_ENVIRONMENT === "local";
}
