import { describe, expect, it } from "vitest";
import { AppError } from "../../src/core/errors.ts";
import { parseJwtIssuers } from "../../src/identity/jwt-issuers.ts";

const entry = { issuer: "https://id.test/", jwksUrl: "https://id.test/keys", audience: "app" };

describe("PARAPET_JWT_ISSUERS", () => {
  it("is none when it is not set", () => {
    expect([parseJwtIssuers(undefined), parseJwtIssuers(" ")]).toEqual([[], []]);
  });

  it("lets users chat with `auto`, and do nothing else, unless it says more", () => {
    expect(parseJwtIssuers(JSON.stringify([entry]))).toEqual([
      {
        ...entry,
        algorithms: ["RS256", "ES256"],
        projectId: "prj_default",
        scopes: ["chat"],
        allowedModels: ["auto"],
        allowedExtensions: ["sensitive", "budget"],
        clockToleranceS: 30,
      },
    ]);
  });

  it.each([
    ["a shared secret's algorithm", { algorithms: ["HS256"] }],
    ["no algorithm", { algorithms: ["none"] }],
    ["an empty list of algorithms", { algorithms: [] }],
    ["keys over plain HTTP", { jwksUrl: "http://id.test/keys" }],
    ["no audience", { audience: [] }],
    ["the scope act_as", { scopes: ["chat", "act_as"] }],
    ["the scope keys:write", { scopes: ["keys:write"] }],
    ["an extension that does not exist", { allowedExtensions: ["everything"] }],
    ["another subject as an extension", { allowedExtensions: ["subject"] }],
    ["every model of every provider", { allowedModels: ["*"] }],
    ["an issuer with a fragment", { issuer: "https://id.test/#a" }],
    ["a field that does not exist", { insecure: true }],
  ])("does not take %s", (_what, more) => {
    expect(() => parseJwtIssuers(JSON.stringify([{ ...entry, ...more }]))).toThrow(AppError);
  });

  it("does not take one issuer twice", () => {
    expect(() => parseJwtIssuers(JSON.stringify([entry, { ...entry, audience: "other" }]))).toThrow(/twice/);
  });

  it("takes keys over HTTP from this machine alone", () => {
    const local = { ...entry, jwksUrl: "http://127.0.0.1:9000/keys" };
    expect(parseJwtIssuers(JSON.stringify([local]))).toHaveLength(1);
  });
});
