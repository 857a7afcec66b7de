import { fromBase64Url, toBase64Url } from "./hash.ts";
import { scopes, type OnDisconnect, type Scope } from "./principal.ts";
import type { SecretKeys } from "./secret-keys.ts";

/**
 * An API key says who it belongs to and proves it, so that it verifies without I/O and junk is refused at once:
 * `parapet_` and base64url of [version 1][16 characters of key id][16 of its first ancestor's][scope bits, 4 bytes, the top one for draining][expiry in seconds, 4 bytes, 0 for
 * never][project id without its prefix][20-byte HMAC over all of it]. Whether it was revoked since, the meter knows.
 */
export interface ApiKeyClaims {
  keyId: string;
  /** The key that this one was rotated from, or itself: a rotation changes the secret, not whose limits and content they are. */
  rootKeyId: string;
  projectId: string;
  scopes: Scope[];
  expiresAtMs: number | null;
  onDisconnect: OnDisconnect;
}

export const apiKeyPrefix = "parapet_";
const version = 1;
const idLength = 16;
const headerLength = 1 + idLength + idLength + 4 + 4;
const scopesAt = 1 + idLength + idLength;
/** Among the scope bits, as far from the first scope as can be: keys made before it lack it, which is `abort`. */
const drainBit = 0x80000000;
const tagLength = 20;
const maxKeyLength = 256;

export async function issueApiKey(claims: ApiKeyClaims, keys: SecretKeys): Promise<string> {
  const project = new TextEncoder().encode(claims.projectId.slice("prj_".length));
  const body = new Uint8Array(headerLength + project.length);
  const view = new DataView(body.buffer);
  view.setUint8(0, version);
  body.set(new TextEncoder().encode(claims.keyId.slice("key_".length)), 1);
  body.set(new TextEncoder().encode(claims.rootKeyId.slice("key_".length)), 1 + idLength);
  view.setUint32(scopesAt, scopeBits(claims.scopes) + (claims.onDisconnect === "drain" ? drainBit : 0));
  view.setUint32(scopesAt + 4, claims.expiresAtMs === null ? 0 : Math.ceil(claims.expiresAtMs / 1000));
  body.set(project, headerLength);
  const tag = await keys.signKey(body);
  const whole = new Uint8Array(body.length + tagLength);
  whole.set(body);
  whole.set(tag, body.length);
  return apiKeyPrefix + toBase64Url(whole);
}

/** The claims of a genuine key, or `null` for anything else. Expiry is not checked here. */
export async function readApiKey(text: string, keys: SecretKeys): Promise<ApiKeyClaims | null> {
  if (!text.startsWith(apiKeyPrefix) || text.length > maxKeyLength) return null;
  const whole = fromBase64Url(text.slice(apiKeyPrefix.length));
  if (whole === null || whole.length <= headerLength + tagLength || whole[0] !== version) return null;
  // Base64url has spare bits at its end: one key has one spelling.
  if (apiKeyPrefix + toBase64Url(whole) !== text) return null;
  const body = whole.slice(0, -tagLength);
  if (!(await keys.verifyKey(body, whole.slice(-tagLength)))) return null;
  const view = new DataView(body.buffer);
  const decoder = new TextDecoder();
  const bits = view.getUint32(scopesAt);
  const expirySeconds = view.getUint32(scopesAt + 4);
  return {
    keyId: `key_${decoder.decode(body.slice(1, 1 + idLength))}`,
    rootKeyId: `key_${decoder.decode(body.slice(1 + idLength, scopesAt))}`,
    projectId: `prj_${decoder.decode(body.slice(headerLength))}`,
    scopes: scopesOfBits(bits),
    expiresAtMs: expirySeconds === 0 ? null : expirySeconds * 1000,
    onDisconnect: bits >= drainBit ? "drain" : "abort",
  };
}

function scopeBits(wanted: Scope[]): number {
  return wanted.reduce((bits, scope) => bits | (1 << scopes.indexOf(scope)), 0) >>> 0;
}

function scopesOfBits(bits: number): Scope[] {
  return scopes.filter((_scope, index) => (bits & (1 << index)) !== 0);
}
