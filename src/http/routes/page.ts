import { z } from "zod";
import { AppError } from "../../core/errors.ts";
import { readCursor, type TimeCursor } from "../../core/page-cursor.ts";

/** The query of every list: at most 100 rows a page, and the `next` of the page before. Others are refused by name. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().max(128).optional().describe("`next` of the page before"),
});

/** The cursor of a list by time; throws on text that is none. */
export function timeCursor(after: string | undefined): TimeCursor | null {
  if (after === undefined) return null;
  const cursor = readCursor(after);
  if (cursor === null) throw new AppError("invalid_request", "after: is not a cursor of this list", { param: "after" });
  return cursor;
}

/** A page in OpenAI's list shape. `next` is null on the last page. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    object: z.literal("list"),
    data: z.array(item),
    has_more: z.boolean(),
    next: z.string().nullable(),
  });
}

/** Cuts one row too many into a page and its cursor. */
export function toPage<Row, Item>({
  rows,
  limit,
  cursorOf,
  render,
}: {
  /** Read with `limit + 1`. */
  rows: Row[];
  limit: number;
  cursorOf: (row: Row) => string;
  render: (row: Row) => Item;
}): { object: "list"; data: Item[]; has_more: boolean; next: string | null } {
  const page = rows.slice(0, limit);
  const last = page[page.length - 1];
  const hasMore = rows.length > limit;
  return {
    object: "list",
    data: page.map(render),
    has_more: hasMore,
    next: hasMore && last !== undefined ? cursorOf(last) : null,
  };
}
