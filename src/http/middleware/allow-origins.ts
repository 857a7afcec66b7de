import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";
import type { AppEnvironment } from "../context.ts";
import { parseCorsOrigins } from "../cors-origins.ts";

/** Chromium's own maximum; other browsers cut it to theirs. */
const maxAgeS = 7_200;

/** By name: `*` would not count for requests with an `authorization` header everywhere, and prefixes cannot be named. */
const exposed = [
  "x-request-id",
  "request-id",
  "traceparent",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  "x-parapet-idempotent-replay",
  "x-parapet-original-request-id",
  "x-parapet-original-trace",
  "x-parapet-trace",
  "x-parapet-route",
  "x-parapet-model",
  "x-parapet-cost",
  "x-parapet-cache",
  "x-parapet-limit",
];

const byServices = new WeakMap<object, ReturnType<typeof cors> | null>();

/**
 * Lets the browsers of the origins that PARAPET_CORS_ORIGINS lists read what is answered, errors and streams included, and answers
 * their preflights, which carry no credentials, before anybody is asked for any. An origin that is not listed is never named back.
 */
export const allowOrigins = createMiddleware<AppEnvironment>(async (c, next) => {
  const services = c.get("services");
  let handler = byServices.get(services);
  if (handler === undefined) {
    const isAllowed = parseCorsOrigins(services.settings.PARAPET_CORS_ORIGINS);
    handler =
      isAllowed === null
        ? null
        : cors({
            origin: (origin) => (isAllowed(origin) ? origin : null),
            exposeHeaders: exposed,
            maxAge: maxAgeS,
          });
    byServices.set(services, handler);
  }
  // An OPTIONS request that is no preflight is a request like any other.
  const isPreflight = c.req.header("access-control-request-method") !== undefined;
  if (handler === null || (c.req.method === "OPTIONS" && !isPreflight)) return next();
  return handler(c, next);
});
