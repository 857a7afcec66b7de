import { z } from "zod";
import { AppError } from "../../core/errors.ts";
import type { ConversationItem, MessageItem } from "./input-items.ts";
import { presentItems } from "./output-items.ts";

export const inputItemList = z
  .object({
    object: z.literal("list"),
    data: z.array(z.looseObject({ id: z.string(), type: z.string() })),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: "ResponseInputItemList" });

export interface PageOfItems {
  limit: number;
  order: "asc" | "desc";
  /** The id of the item the page begins behind. */
  after: string | undefined;
  isEncryptedIncluded: boolean;
}

/** One page of what a response was asked with, in OpenAI's full form of each item. */
export function listInputItems(
  items: readonly (ConversationItem & { id: string })[],
  { limit, order, after, isEncryptedIncluded }: PageOfItems,
): z.infer<typeof inputItemList> {
  const ordered = order === "asc" ? items : items.toReversed();
  const start = after === undefined ? 0 : ordered.findIndex((item) => item.id === after) + 1;
  if (after !== undefined && start === 0) {
    throw new AppError("invalid_request", "after: is not the id of an input item of this response", { param: "after" });
  }
  const page = presentItems(ordered.slice(start, start + limit), isEncryptedIncluded);
  return {
    object: "list",
    data: page.map((item) => inFull(item)),
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
    has_more: start + limit < ordered.length,
  };
}

function inFull(item: ConversationItem & { id: string }): z.infer<typeof inputItemList>["data"][number] {
  if (!("role" in item)) return { ...item, status: item.status ?? "completed" };
  const { id, role, status } = item;
  return { id, type: "message", role, status: status ?? "completed", content: contentInFull(item) };
}

function contentInFull({ role, content }: MessageItem): unknown[] {
  if (typeof content !== "string") return content;
  return role === "assistant"
    ? [{ type: "output_text", text: content, annotations: [] }]
    : [{ type: "input_text", text: content }];
}
