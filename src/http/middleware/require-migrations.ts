import { createMiddleware } from "hono/factory";
import { AppError } from "../../core/errors.ts";
import type { Services } from "../../services.ts";
import type { AppEnvironment } from "../context.ts";

/** Isolates whose database is known to have its tables: what is migrated stays migrated, so each asks until it hears yes. */
const migrated = new WeakSet<Services>();

/** Answers with what to do while the database has no tables. With the database out of reach the request goes on. */
export const requireMigrations = createMiddleware<AppEnvironment>(async (c, next) => {
  const { services } = c.var;
  if (!migrated.has(services)) {
    const answer = await services.isMigrated().catch(() => null);
    if (answer === false) throw notMigrated();
    if (answer === true) migrated.add(services);
  }
  await next();
});

export function notMigrated(): AppError {
  return new AppError("not_ready", "The database has no tables yet: run `npm run migrate` and try again.");
}
