import { createMiddleware } from "hono/factory";
import { AppError } from "../../core/errors.ts";
import type { Scope } from "../../core/principal.ts";
import type { AppEnvironment } from "../context.ts";

const scopeOf = new WeakMap<object, Scope>();

/** The scope that a route's handlers ask for; `null` when they ask for none. */
export function requiredScope(handlers: readonly object[]): Scope | null {
  return handlers.map((handler) => scopeOf.get(handler)).find((scope) => scope !== undefined) ?? null;
}

/** Lets through who has the scope. Runs before the body is read. */
export function requireScope(scope: Scope) {
  const middleware = createMiddleware<AppEnvironment>(async (c, next) => {
    if (!c.get("principal").scopes.has(scope))
      throw new AppError("forbidden", `This needs a key with the scope \`${scope}\`.`);
    await next();
  });
  scopeOf.set(middleware, scope);
  return middleware;
}
