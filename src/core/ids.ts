import { toHex } from "./hash.ts";

const idPrefixes = {
  key: "key",
  project: "prj",
  collection: "col",
  document: "doc",
  hold: "hold",
  usage: "use",
  audit: "aud",
  request: "req",
  evalRun: "evr",
  completion: "chatcmpl",
  response: "resp",
  responseItem: "item",
  message: "msg",
  budget: "bud",
  webhookEvent: "evt",
} as const;

/** Crockford's base32 without the letters that read as digits; 32 symbols, so a byte maps without bias. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** A prefixed id with 80 random bits, e.g. `key_7h3k…` (16 characters after the prefix). */
export function newId(kind: keyof typeof idPrefixes): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let text = "";
  for (const byte of bytes) text += alphabet[byte & 31];
  return `${idPrefixes[kind]}_${text}`;
}

/** A W3C trace id: 16 random bytes, lower-case hex. */
export function newTraceId(): string {
  return randomHex(16);
}

/** A W3C span id: 8 random bytes, lower-case hex. */
export function newSpanId(): string {
  return randomHex(8);
}

function randomHex(length: number): string {
  return toHex(crypto.getRandomValues(new Uint8Array(length)));
}
