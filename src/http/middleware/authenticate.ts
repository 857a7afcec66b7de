import { createMiddleware } from "hono/factory";
import { AppError } from "../../core/errors.ts";
import type { AppEnvironment } from "../context.ts";
import { principalOf } from "../principal-of.ts";

/** Lets in who brings an API key, an end user's JWT or the bootstrap admin's token. */
export const authenticate = createMiddleware<AppEnvironment>(async (c, next) => {
  const header = c.req.header("authorization") ?? "";
  // Anthropic's clients send their key under a name of its own.
  const token = /^Bearer +(\S+)$/i.exec(header)?.[1] ?? c.req.header("x-api-key");
  if (token === undefined) {
    throw new AppError("unauthenticated", "Send your API key as `Authorization: Bearer parapet_…`.");
  }
  const waitUntil = (promise: Promise<unknown>) => c.executionCtx.waitUntil(promise);
  c.set("principal", await principalOf(token, c.get("services"), waitUntil));
  await next();
});
