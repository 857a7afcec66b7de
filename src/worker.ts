import { createApp } from "./http/app.ts";
import type { App } from "./http/context.ts";
import { systemClock } from "./core/clock.ts";
import { suiteNames } from "./evaluation/load-suite.ts";
import { defaultProject } from "./core/principal.ts";
import type { Services } from "./services.ts";
import { logError } from "./telemetry/log.ts";

/** The worker's handlers: HTTP, and what runs at night. The app is built with the first request: importing does nothing. */
export function createWorker(loadServices: (env: Env) => Promise<Services>) {
  let app: App | null = null;
  return {
    fetch(request, env, ctx) {
      app ??= createApp(loadServices);
      return app.fetch(request, env, ctx);
    },
    async scheduled(_controller, env, ctx) {
      const services = await loadServices(env);
      for (const suite of suiteNames) await services.evalRunnerOf(defaultProject).start({ suite, trigger: "nightly" });
      ctx.waitUntil(
        services.content.prune(systemClock()).catch((cause: unknown) => logError("content.prune_failed", {}, cause)),
      );
    },
  } satisfies ExportedHandler<Env>;
}
