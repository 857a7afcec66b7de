import { exportSPKI, importSPKI, SignJWT, UnsecuredJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { AppError } from "../../src/core/errors.ts";
import { parseJwtIssuers } from "../../src/identity/jwt-issuers.ts";
import { createUserTokens, looksLikeJwt } from "../../src/identity/user-tokens.ts";
import { makeSigningKey, serveKeys, signToken, type SigningKey, type TokenParts } from "./issuer.ts";

const nowMs = Date.UTC(2026, 10, 21, 12);
const now = nowMs / 1000;
const keysUrl = "https://id.test/keys";
const otherKeysUrl = "https://other.test/keys";

let key: SigningKey;
let rsa: SigningKey;
let other: SigningKey;
let stranger: SigningKey;

beforeAll(async () => {
  key = await makeSigningKey("k1");
  rsa = await makeSigningKey("rsa1", "RS256");
  // The same key id as the first issuer's, and another key.
  other = await makeSigningKey("k1");
  stranger = await makeSigningKey("k1");
});

function tokensOf(more: object = {}) {
  const idp = serveKeys({ [keysUrl]: [key.jwk, rsa.jwk], [otherKeysUrl]: [other.jwk] });
  const issuers = parseJwtIssuers(
    JSON.stringify([
      { issuer: "https://id.test/", jwksUrl: keysUrl, audience: ["app", "app-mobile"], ...more },
      { issuer: "https://other.test/", jwksUrl: otherKeysUrl, audience: "app" },
    ]),
  );
  const tokens = createUserTokens(issuers, { clock: () => nowMs, fetch: idp.fetch });
  return { idp, verify: (token: string) => tokens.verify(token, () => undefined) };
}

const sign = (by: SigningKey, parts: Omit<TokenParts, "nowMs"> = {}) => signToken(by, { ...parts, nowMs });

async function refusalOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (cause) {
    if (cause instanceof AppError) return `${cause.code}: ${cause.message}`;
    throw cause;
  }
  throw new Error("the token was taken");
}

describe("a genuine token", () => {
  it.each([
    ["ES256", () => key, {}],
    ["RS256", () => rsa, {}],
    ["one of several audiences", () => key, { claims: { aud: ["web", "app-mobile"] } }],
    ["an access token's type", () => key, { header: { typ: "at+jwt" } }],
    ["a type with its media type spelled out", () => key, { header: { typ: "application/JWT" } }],
    ["a clock that is a little behind", () => key, { claims: { nbf: now + 20 } }],
  ])("names its user: %s", async (_what, by, parts) => {
    const { verify } = tokensOf();
    expect(await verify(await sign(by(), parts))).toEqual({
      projectId: "prj_default",
      subject: "user:https://id.test/#alice",
      groups: [],
      scopes: ["chat"],
      allowedModels: ["auto"],
      allowedExtensions: ["sensitive", "budget"],
    });
  });

  it("makes two subjects of one `sub` from two issuers", async () => {
    const { verify } = tokensOf();
    const mine = await verify(await sign(key));
    const theirs = await verify(await sign(other, { claims: { iss: "https://other.test/" } }));
    expect([mine.subject, theirs.subject]).toEqual(["user:https://id.test/#alice", "user:https://other.test/#alice"]);
  });

  it.each([
    ["as text", "chat embeddings keys:write", ["chat", "embeddings"]],
    ["as a list", ["embeddings"], ["embeddings"]],
    ["that names none of ours", "openid profile", []],
    ["of another form", { chat: true }, []],
    ["that is missing", undefined, []],
  ])("has at most the scopes of its claim: one %s", async (_what, scope, expected) => {
    const { verify } = tokensOf({ scopes: ["chat", "embeddings"], scopesClaim: "scope" });
    expect((await verify(await sign(key, { claims: { scope } }))).scopes).toEqual(expected);
  });

  it.each([
    ["a list", ["staff", "eu"], ["staff", "eu"]],
    ["a list with other things in it", ["staff", 7, null, ""], ["staff"]],
    ["an object", { staff: true }, []],
    ["nothing", undefined, []],
  ])("brings its groups along: %s", async (_what, groups, expected) => {
    const { verify } = tokensOf({ groupsClaim: "https://id.test/groups" });
    const token = await sign(key, { claims: { "https://id.test/groups": groups } });
    expect((await verify(token)).groups).toEqual(expected);
  });

  it("has no groups when the deployment names no claim for them", async () => {
    const { verify } = tokensOf();
    expect((await verify(await sign(key, { claims: { groups: ["admins"] } }))).groups).toEqual([]);
  });
});

describe("a token is refused", () => {
  it.each([
    ["of another issuer", { iss: "https://evil.test/" }, "its issuer"],
    ["of an issuer written a little differently", { iss: "https://id.test" }, "its issuer"],
    ["of an issuer in capitals", { iss: "https://ID.test/" }, "its issuer"],
    ["without an issuer", { iss: undefined }, "its issuer"],
    ["of an issuer that is a list", { iss: ["https://id.test/"] }, "its issuer"],
    ["for another audience", { aud: "another-app" }, "its `aud`"],
    ["without an audience", { aud: undefined }, "its `aud`"],
    ["that has expired", { exp: now - 31 }, "it has expired"],
    ["without an expiry", { exp: undefined }, "its `exp`"],
    ["whose expiry is a text", { exp: String(now + 300) }, "its `exp`"],
    ["before its time", { nbf: now + 31 }, "its `nbf`"],
    ["without a subject", { sub: undefined }, "its `sub`"],
    ["with an empty subject", { sub: "" }, "its `sub`"],
    ["with a subject that is too long", { sub: "x".repeat(257) }, "its `sub`"],
    ["with a subject that is no text", { sub: 7 }, "its `sub`"],
    ["with half a character for a subject", { sub: "\ud800" }, "its `sub`"],
  ])("%s", async (_what, claims, reason) => {
    const { verify } = tokensOf();
    const refusal = await refusalOf(verify(await sign(key, { claims })));
    expect(refusal).toContain("unauthenticated");
    expect(refusal).toContain(reason);
  });

  it.each([
    ["a logout token", "logout+jwt"],
    ["a DPoP proof", "dpop+jwt"],
    ["a security event", "secevent+jwt"],
  ])("that is %s, signed by the same key", async (_what, typ) => {
    const { verify } = tokensOf();
    expect(await refusalOf(verify(await sign(key, { header: { typ } })))).toContain("another type");
  });

  it("that is older than the deployment allows, or does not say how old it is", async () => {
    const { verify } = tokensOf({ maxAgeS: 60 });
    expect((await verify(await sign(key))).subject).toContain("alice");
    const old = await sign(key, { claims: { iat: now - 91 } });
    const ageless = await sign(key, { claims: { iat: undefined } });
    expect(await refusalOf(verify(old))).toContain("expired");
    expect(await refusalOf(verify(ageless))).toContain("`iat`");
  });

  it("that is larger than any issuer makes them", async () => {
    const { verify, idp } = tokensOf();
    expect(await refusalOf(verify(await sign(key, { claims: { junk: "x".repeat(10_000) } })))).toContain("too long");
    expect(idp.asked).toEqual([]);
  });

  it.each(["a.b.c", "....", "e30.e30.", `${"A".repeat(40)}.${"A".repeat(40)}.${"A".repeat(40)}`])(
    "that is junk: %s",
    async (token) => {
      const { verify } = tokensOf();
      expect(await refusalOf(verify(token))).toMatch(/^unauthenticated/);
    },
  );
});

describe("a forged token", () => {
  it("is refused without a signature", async () => {
    const { verify, idp } = tokensOf();
    const claims = { iss: "https://id.test/", aud: "app", sub: "alice", exp: now + 300 };
    expect(await refusalOf(verify(new UnsecuredJWT(claims).encode()))).toContain("signature");
    // Nobody is asked for keys for the sake of an algorithm that is not taken anyway.
    expect(idp.asked).toEqual([]);
  });

  it("is refused when a public key was used as a shared secret", async () => {
    const { verify } = tokensOf();
    const pem = await exportSPKI(await importSPKI(await pemOf(rsa), "RS256"));
    for (const secret of [pem, JSON.stringify(rsa.jwk)]) {
      const forged = await new SignJWT({ iss: "https://id.test/", aud: "app", sub: "alice", exp: now + 300 })
        .setProtectedHeader({ alg: "HS256", kid: "rsa1" })
        .sign(new TextEncoder().encode(secret));
      expect(await refusalOf(verify(forged))).toContain("signature");
    }
  });

  it.each([
    ["jwk", () => ({ jwk: stranger.jwk })],
    ["jku", () => ({ jku: "https://evil.test/keys" })],
    ["x5u", () => ({ x5u: "https://evil.test/chain.pem" })],
    ["x5c", () => ({ x5c: ["MIIB"] })],
    ["kid that is a path", () => ({ kid: "../../dev/null" })],
    ["kid that is an address", () => ({ kid: "https://evil.test/key" })],
  ])("is refused when it brings its own key: %s", async (_what, header) => {
    const { verify, idp } = tokensOf();
    expect(await refusalOf(verify(await sign(stranger, { header: header() })))).toContain("signature");
    expect(new Set(idp.asked)).toEqual(new Set([keysUrl]));
  });

  it("is refused when it demands an extension that nobody here knows", async () => {
    const { verify } = tokensOf();
    const header = { crit: ["http://example.test/ext"], "http://example.test/ext": true };
    const genuine = (await sign(key)).split(".");
    const head = btoa(JSON.stringify({ alg: "ES256", kid: "k1", ...header })).replaceAll("=", "");
    expect(await refusalOf(verify([head, genuine[1], genuine[2]].join(".")))).toContain("signature");
  });

  it("is refused when another configured issuer signed it, under the same key id", async () => {
    const { verify } = tokensOf();
    // Both issuers' keys are in memory when it comes.
    await verify(await sign(key));
    await verify(await sign(other, { claims: { iss: "https://other.test/" } }));
    expect(await refusalOf(verify(await sign(other)))).toContain("signature");
    expect(await refusalOf(verify(await sign(key, { claims: { iss: "https://other.test/" } })))).toContain("signature");
  });

  it("is refused when its claims were changed after it was signed", async () => {
    const { verify } = tokensOf();
    const [head, , signature] = (await sign(key)).split(".");
    const claims = btoa(JSON.stringify({ iss: "https://id.test/", aud: "app", sub: "bob", exp: now + 300 }));
    expect(await refusalOf(verify([head, claims.replaceAll("=", ""), signature].join(".")))).toContain("signature");
  });

  it("is refused when its algorithm is a good one that the issuer does not use", async () => {
    const { verify } = tokensOf({ algorithms: ["ES256"] });
    expect(await refusalOf(verify(await sign(rsa)))).toContain("signature");
  });
});

it.each([
  ["a JWT", "aa.bb.cc", true],
  ["an unsigned JWT", "aa.bb.", true],
  ["an API key", "parapet_AAAA", false],
  ["an encrypted JWT", "a.b.c.d.e", false],
])("knows %s by its form", (_what, token, expected) => {
  expect(looksLikeJwt(token)).toBe(expected);
});

async function pemOf({ jwk }: SigningKey): Promise<string> {
  const imported = await crypto.subtle.importKey(
    "jwk",
    // jose's type of a JWK is wider than the platform's.
    jwk as JsonWebKey,
    { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    true,
    ["verify"],
  );
  return exportSPKI(imported);
}
