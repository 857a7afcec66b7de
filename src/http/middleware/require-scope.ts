import { createMiddleware } from "hono/factory";
import { AppError } from "../../core/errors.ts";
import type { Scope } from "../../core/principal.ts";
import type { AppEnvironment } from "../context.ts";

/** Lets through who has the scope. Runs before the body is read. */
export function requireScope(scope: Scope) {
  return createMiddleware<AppEnvironment>(async (c, next) => {
    if (!c.get("principal").scopes.has(scope))
      throw new AppError("forbidden", `This needs a key with the scope \`${scope}\`.`);
    await next();
  });
}
