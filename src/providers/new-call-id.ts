import { toHex } from "../core/hash.ts";

/** An id for a tool call whose provider gave none: clients tell calls apart by it. */
export function newCallId(): string {
  return `call_${toHex(crypto.getRandomValues(new Uint8Array(12)))}`;
}
