import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Principal } from "../core/principal.ts";
import type { Services } from "../services.ts";
import type { Trace } from "../telemetry/trace.ts";

/** What the middleware of http/app.ts leaves for the routes. */
export interface AppEnvironment {
  Bindings: Env;
  Variables: {
    requestId: string;
    trace: Trace;
    services: Services;
    principal: Principal;
  };
}

export type App = OpenAPIHono<AppEnvironment>;
export type AppContext = Context<AppEnvironment>;
