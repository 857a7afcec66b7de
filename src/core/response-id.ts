import { newId } from "./ids.ts";

/**
 * Ids of responses and their items. Both begin with the name of their conversation's session, so that whoever holds one can
 * find the other turns, and are 160 random bits in all.
 */

/** Characters of a random id without its prefix: 80 bits. */
const partLength = 16;
const responseId = /^resp_([0-9a-z]{16})[0-9a-z]{16}$/;
const itemId = /^(?:msg|rs|fc|item)_([0-9a-z]{16})[0-9a-z]{16}$/;

export type ItemPrefix = "msg" | "rs" | "fc" | "item";

/** The name of a new conversation. */
export function newSessionName(): string {
  return randomPart();
}

export function newResponseId(session: string): string {
  return `resp_${session}${randomPart()}`;
}

export function newItemId(prefix: ItemPrefix, session: string): string {
  return `${prefix}_${session}${randomPart()}`;
}

/** The session a response belongs to, or `null` for an id that is none of ours. */
export function sessionOfResponse(id: string): string | null {
  return responseId.exec(id)?.[1] ?? null;
}

/** The session an item belongs to, or `null` for an id that is none of ours. */
export function sessionOfItem(id: string): string | null {
  return itemId.exec(id)?.[1] ?? null;
}

function randomPart(): string {
  return newId("response").slice(-partLength);
}
