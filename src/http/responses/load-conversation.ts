import { AppError } from "../../core/errors.ts";
import { carriedItems, type ConversationItem } from "./input-items.ts";
import type { ResponsesRequest } from "./request.ts";
import type { ResponseKeeper } from "./response-keeper.ts";

export interface Conversation {
  /** What was said before this request, its instructions apart: those hold for one response only. */
  earlier: ConversationItem[];
  /** This request's own items. */
  items: ConversationItem[];
}

/** The conversation a request continues, with the items it refers to. Throws `not_found` for what its subject has not kept. */
export async function loadConversation(request: ResponsesRequest, keeper: ResponseKeeper): Promise<Conversation> {
  const { input, previous_response_id: previousId } = request;
  const given =
    typeof input === "string"
      ? [{ type: "message" as const, role: "user" as const, content: input }]
      : carriedItems(input);
  const turns = previousId === null || previousId === undefined ? [] : await keeper.loadChain(previousId);
  const earlier = turns.flatMap(({ input: asked, response }): ConversationItem[] => [...asked, ...response.output]);

  const missing = given.flatMap((item) => (item.type === "item_reference" ? [item.id] : []));
  const known = new Map(earlier.flatMap((item) => (item.id ? [[item.id, item] as const] : [])));
  const wanted = missing.filter((id) => !known.has(id));
  const loaded = wanted.length === 0 ? new Map<string, ConversationItem>() : await keeper.loadItems(wanted);
  const items = given.map((item, index): ConversationItem => {
    if (item.type !== "item_reference") return item;
    const found = known.get(item.id) ?? loaded.get(item.id);
    if (found === undefined) {
      const param = `input.${index}.id`;
      throw new AppError("not_found", `${param}: there is no item ${JSON.stringify(item.id.slice(0, 80))} for you`, {
        param,
      });
    }
    return found;
  });
  return { earlier, items };
}
