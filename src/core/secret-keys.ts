import { fromBase64Url, toBase64, toBase64Url, toHex } from "./hash.ts";

/** TextEncoder's own type allows shared memory, which WebCrypto refuses. */
const utf8 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(new TextEncoder().encode(text));
const decoder = new TextDecoder();

/**
 * The keys of one deployment, all derived (HKDF-SHA-256, RFC 5869) from its one secret, each for one purpose,
 * so that what leaks of one says nothing about another.
 */
export interface SecretKeys {
  /** 20-byte tag over `bytes`, for API keys. */
  signKey(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  /** Constant-time check of a 20-byte tag. */
  verifyKey(bytes: Uint8Array<ArrayBuffer>, tag: Uint8Array<ArrayBuffer>): Promise<boolean>;
  /** `sub_` and 20 hex digits of HMAC(project, subject): what stands for a subject in rows. */
  subjectId(projectId: string, subject: string): Promise<string>;
  /** The secret of a project's webhooks, as Standard Webhooks writes it: `whsec_` and 32 bytes in base64. */
  webhookSecret(projectId: string): Promise<string>;
  /** Constant-time comparison of two texts of any length. */
  equal(left: string, right: string): Promise<boolean>;
  /** A new random content key, sealed under this deployment's secret: what a meter stores and hands out. */
  newContentKey(): Promise<string>;
  /** The sealed content key of what a project's readers share: it opens to the same key each time, so that no object has to keep it. */
  sharedContentKey(projectId: string): Promise<string>;
  /** AES-256-GCM under a sealed content key: 12 bytes of nonce, then the ciphertext. */
  encrypt(sealedContentKey: string, text: string): Promise<Uint8Array<ArrayBuffer>>;
  decrypt(sealedContentKey: string, bytes: Uint8Array<ArrayBuffer>): Promise<string>;
  /** The same for bytes that need not be text. */
  encryptBytes(sealedContentKey: string, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  decryptBytes(sealedContentKey: string, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

/** Content keys an isolate keeps open; unsealing one costs more than the encryption it is for. */
const maxOpenedKeys = 500;
const tagBytes = 20;
const nonceBytes = 12;

export async function createSecretKeys(secret: string): Promise<SecretKeys> {
  const master = await crypto.subtle.importKey("raw", utf8(secret), "HKDF", false, ["deriveKey", "deriveBits"]);
  const derive = (info: string) => ({
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(),
    info: utf8(info),
  });
  const deriveHmac = (info: string) =>
    crypto.subtle.deriveKey(derive(info), master, { name: "HMAC", hash: "SHA-256", length: 256 }, false, [
      "sign",
      "verify",
    ]);
  const [keyHmac, subjectHmac, webhookHmac, compareHmac, wrapping] = await Promise.all([
    deriveHmac("parapet api key v1"),
    deriveHmac("parapet subject v1"),
    deriveHmac("parapet webhook v1"),
    deriveHmac("parapet compare v1"),
    crypto.subtle.deriveKey(derive("parapet content v1"), master, { name: "AES-GCM", length: 256 }, false, [
      "encrypt",
      "decrypt",
    ]),
  ]);
  const hmac = async (key: CryptoKey, bytes: Uint8Array<ArrayBuffer>) =>
    new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes));

  const opened = new Map<string, Promise<CryptoKey>>();
  const shared = new Map<string, string>();
  const openContentKey = (sealed: string): Promise<CryptoKey> => {
    const known = opened.get(sealed);
    if (known !== undefined) return known;
    if (opened.size >= maxOpenedKeys) opened.clear();
    const opening = unseal(wrapping, sealed);
    opened.set(sealed, opening);
    opening.catch(() => opened.delete(sealed));
    return opening;
  };

  return {
    signKey: async (bytes) => (await hmac(keyHmac, bytes)).slice(0, tagBytes),
    async verifyKey(bytes, tag) {
      const expected = (await hmac(keyHmac, bytes)).slice(0, tagBytes);
      return tag.length === tagBytes && (await sameBytes(compareHmac, expected, tag));
    },
    async subjectId(projectId, subject) {
      const mac = await hmac(subjectHmac, utf8(`${projectId}\n${subject}`));
      return `sub_${toHex(mac.slice(0, 10))}`;
    },
    webhookSecret: async (projectId) => `whsec_${toBase64(await hmac(webhookHmac, utf8(projectId)))}`,
    equal: (left, right) => sameBytes(compareHmac, utf8(left), utf8(right)),
    newContentKey: async () => toBase64Url(await seal(wrapping, crypto.getRandomValues(new Uint8Array(32)))),
    async sharedContentKey(projectId) {
      const known = shared.get(projectId);
      if (known !== undefined) return known;
      if (shared.size >= maxOpenedKeys) shared.clear();
      const bits = await crypto.subtle.deriveBits(derive(`parapet shared content v1\n${projectId}`), master, 256);
      const sealed = toBase64Url(await seal(wrapping, new Uint8Array(bits)));
      shared.set(projectId, sealed);
      return sealed;
    },
    encrypt: async (sealed, text) => seal(await openContentKey(sealed), utf8(text)),
    decrypt: async (sealed, bytes) => decoder.decode(await open(await openContentKey(sealed), bytes)),
    encryptBytes: async (sealed, bytes) => seal(await openContentKey(sealed), bytes),
    decryptBytes: async (sealed, bytes) => open(await openContentKey(sealed), bytes),
  };
}

async function unseal(wrapping: CryptoKey, sealed: string): Promise<CryptoKey> {
  const bytes = fromBase64Url(sealed);
  if (bytes === null) throw new Error("a sealed content key is base64url");
  return crypto.subtle.importKey("raw", await open(wrapping, bytes), "AES-GCM", false, ["encrypt", "decrypt"]);
}

async function seal(key: CryptoKey, plain: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const cipher = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, plain));
  const sealed = new Uint8Array(nonceBytes + cipher.length);
  sealed.set(nonce);
  sealed.set(cipher, nonceBytes);
  return sealed;
}

async function open(key: CryptoKey, sealed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const nonce = sealed.slice(0, nonceBytes);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, key, sealed.slice(nonceBytes)));
}

/** Compares the HMACs of both sides with WebCrypto's own verify, which takes the same time wherever they differ. */
async function sameBytes(
  key: CryptoKey,
  left: Uint8Array<ArrayBuffer>,
  right: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  return crypto.subtle.verify("HMAC", key, await crypto.subtle.sign("HMAC", key, left), right);
}
