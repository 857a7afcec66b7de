import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import { systemClock } from "../../core/clock.ts";
import { newId } from "../../core/ids.ts";
import { attribute } from "../../telemetry/attributes.ts";
import { startTrace } from "../../telemetry/trace.ts";
import type { AppEnvironment } from "../context.ts";

/** Gives each request an id and a trace of our own; both go out with every response. */
export const traceRequest = createMiddleware<AppEnvironment>(async (c, next) => {
  const requestId = newId("request");
  const trace = startTrace({ name: c.req.method, clock: systemClock, linked: c.req.header("traceparent") ?? null });
  trace.root.set({ [attribute.httpMethod]: c.req.method, [attribute.requestId]: requestId });
  c.set("requestId", requestId);
  c.set("trace", trace);
  await next();
  trace.root.set({ [attribute.httpRoute]: routePath(c), [attribute.httpStatus]: c.res.status });
  // A run apart from its client, in its Replay object, has told its own: its rows are under them.
  if (c.res.headers.has("x-request-id")) return trace.root.end();
  c.header("x-request-id", requestId);
  c.header("traceparent", trace.traceparent());
  c.header("x-parapet-trace", trace.traceId);
});
