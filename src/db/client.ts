import { sql } from "drizzle-orm";
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import { AppError } from "../core/errors.ts";

export type Database = DrizzleD1Database;

export function openDatabase(binding: D1Database): Database {
  return drizzle(binding);
}

/** Runs a query and turns any failure of D1 into an error the caller may read. */
export async function withDatabase<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    if (isMissingTable(cause)) {
      throw new AppError("not_ready", "The database has no tables yet: run `npm run migrate` and try again.", {
        cause,
      });
    }
    if (isOurMistake(cause)) throw cause;
    throw new AppError("storage_unavailable", "The database cannot be reached right now. Try again shortly.", {
      cause,
      retryAfterMs: 2000,
    });
  }
}

/** True once the newest migration has run. */
export async function isMigrated(db: Database): Promise<boolean> {
  try {
    await db.run(sql`select 1 from usage_rollup limit 1`);
    return true;
  } catch (cause) {
    if (isMissingTable(cause)) return false;
    throw cause;
  }
}

/** A wrong value bound to a query is a defect to be seen, not an outage to be waited for. */
function isOurMistake(cause: unknown): boolean {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if (error instanceof TypeError || error.message.includes("D1_TYPE_ERROR") || error.message.includes("SQLITE_ERROR"))
      return true;
  }
  return false;
}

function isMissingTable(cause: unknown): boolean {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if (error.message.includes("no such table")) return true;
  }
  return false;
}
