import { and, eq, lt, or, type SQL } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import type { TimeCursor } from "../core/page-cursor.ts";

/** The rows after a cursor in a list that is newest first, ids breaking ties. */
export function isBefore(columns: { at: SQLiteColumn; id: SQLiteColumn }, cursor: TimeCursor | null): SQL | undefined {
  if (cursor === null) return undefined;
  return or(lt(columns.at, cursor.atMs), and(eq(columns.at, cursor.atMs), lt(columns.id, cursor.id)));
}
