import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "../../src/core/errors.ts";
import {
  cooldownMs,
  createIssuerKeys,
  freshForMs,
  staleForMs,
  type IssuerKeys,
} from "../../src/identity/issuer-keys.ts";
import { makeSigningKey, serveKeys, type SigningKey } from "./issuer.ts";

const url = "https://id.test/keys";
let first: SigningKey;
let second: SigningKey;
let nowMs: number;
let idp: ReturnType<typeof serveKeys>;
let keys: IssuerKeys;

beforeAll(async () => {
  first = await makeSigningKey("k1");
  second = await makeSigningKey("k2");
});

beforeEach(() => {
  nowMs = Date.UTC(2026, 10, 21);
  idp = serveKeys({ [url]: [first.jwk] });
  keys = createIssuerKeys(url, { clock: () => nowMs, fetch: idp.fetch });
});

const down = () => Promise.reject(new Error("connection refused"));

async function find(kid: string): Promise<"found" | "missing" | "unavailable"> {
  try {
    await keys.find({ alg: "ES256", kid }, () => undefined);
    return "found";
  } catch (cause) {
    return cause instanceof AppError && cause.code === "identity_unavailable" ? "unavailable" : "missing";
  }
}

describe("the keys of an issuer", () => {
  it("are fetched once for all who come at the same time", async () => {
    const found = await Promise.all(Array.from({ length: 50 }, () => find("k1")));
    expect(new Set(found)).toEqual(new Set(["found"]));
    expect(idp.asked).toHaveLength(1);
  });

  it("are looked up again when they are no longer fresh, so that a withdrawn key ends", async () => {
    expect(await find("k1")).toBe("found");
    idp.publish(url, [second.jwk]);
    nowMs += freshForMs - 1;
    expect(await find("k1")).toBe("found");
    nowMs += 1;
    expect(await find("k1")).toBe("missing");
  });

  it("are looked up again at once for a key that is not there yet", async () => {
    expect(await find("k1")).toBe("found");
    idp.publish(url, [first.jwk, second.jwk]);
    nowMs += cooldownMs;
    expect(await find("k2")).toBe("found");
    expect(idp.asked).toHaveLength(2);
  });

  it("are not asked for again and again on behalf of made-up key ids", async () => {
    for (let index = 0; index < 100; index++) expect(await find(`junk-${index}`)).toBe("missing");
    expect(idp.asked).toHaveLength(1);
    nowMs += cooldownMs;
    await Promise.all(Array.from({ length: 100 }, (_, index) => find(`junk-${index}`)));
    expect(idp.asked).toHaveLength(2);
  });

  it("serve on while the issuer is down, for a bounded time, and it is not hammered meanwhile", async () => {
    expect(await find("k1")).toBe("found");
    idp.answerWith(down);
    nowMs += freshForMs;
    for (let index = 0; index < 20; index++) expect(await find("k1")).toBe("found");
    expect(idp.asked).toHaveLength(2);
    nowMs += staleForMs - 1;
    expect(await find("k1")).toBe("found");
    nowMs += 1;
    expect(await find("k1")).toBe("unavailable");
    idp.answerWith(null);
    nowMs += cooldownMs;
    expect(await find("k1")).toBe("found");
  });

  it("are asked for at most every two seconds while there have never been any", async () => {
    idp.answerWith(down);
    for (let index = 0; index < 20; index++) expect(await find("k1")).toBe("unavailable");
    expect(idp.asked).toHaveLength(1);
    idp.answerWith(null);
    nowMs += 2_000;
    expect(await find("k1")).toBe("found");
  });

  it("are fetched anew by those who waited for a request that was ended", async () => {
    idp.answerWith(() => new Promise(() => undefined));
    void find("k1");
    idp.answerWith(null);
    nowMs += 5_000;
    expect(await find("k1")).toBe("found");
  });

  it.each([
    ["an error page", () => Promise.resolve(new Response("{}", { status: 500 }))],
    [
      "a redirect",
      () => Promise.resolve(new Response(null, { status: 302, headers: { location: "https://evil.test" } })),
    ],
    ["a page that is no JSON", () => Promise.resolve(new Response("<html>"))],
    ["something else in JSON", () => Promise.resolve(Response.json({ keys: "none" }))],
    ["an endless page", () => Promise.resolve(new Response(`{"keys":[],"x":"${"x".repeat(200_000)}"}`))],
    ["too many keys", () => Promise.resolve(Response.json({ keys: Array.from({ length: 101 }, () => first.jwk) }))],
  ])("are not taken from %s", async (_what, answer) => {
    idp.answerWith(answer);
    expect(await find("k1")).toBe("unavailable");
  });

  it("are never a shared secret", async () => {
    idp.publish(url, [{ kty: "oct", k: "c2VjcmV0", kid: "k3", alg: "HS256" }]);
    expect(await find("k3")).toBe("missing");
  });
});
