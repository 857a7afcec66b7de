import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";

export interface SigningKey {
  kid: string;
  alg: string;
  privateKey: CryptoKey;
  jwk: JWK;
}

export async function makeSigningKey(kid: string, alg = "ES256"): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}

/** An identity provider's key set behind `fetch`: what it serves and whether it answers is the test's to change. */
export function serveKeys(sets: Record<string, JWK[]>) {
  const served = new Map(Object.entries(sets));
  const asked: string[] = [];
  let answer: ((url: string) => Promise<Response>) | null = null;
  return {
    asked,
    publish: (url: string, keys: JWK[]) => void served.set(url, keys),
    /** Whatever is asked for is answered so from now on; `null` is the key set again. */
    answerWith: (next: ((url: string) => Promise<Response>) | null) => void (answer = next),
    fetch: async (input: RequestInfo | URL): Promise<Response> => {
      const url = String(input instanceof Request ? input.url : input);
      asked.push(url);
      return answer === null ? Response.json({ keys: served.get(url) ?? [] }) : answer(url);
    },
  };
}

export interface TokenParts {
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  nowMs: number;
}

/** A token as the issuer `https://id.test/` makes it, good for five minutes; `undefined` takes a claim out. */
export function signToken(key: SigningKey, { header = {}, claims = {}, nowMs }: TokenParts): Promise<string> {
  const now = Math.floor(nowMs / 1000);
  const payload = { iss: "https://id.test/", aud: "app", sub: "alice", iat: now, exp: now + 300, ...claims };
  // The header is what a test forges.
  return new SignJWT(payload)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header } as { alg: string })
    .sign(key.privateKey);
}
