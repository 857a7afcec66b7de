import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  anonymous,
  chat,
  chatBody,
  errorOf,
  everyScope,
  issueKey,
  newProject,
  send,
  type Caller,
  type IssuedKey,
} from "./api.ts";
import { auditOf, traceOf, usageOfKey } from "./records.ts";
import { createFixture, routeCases, type Fixture, type RouteCase } from "./route-cases.ts";

// One pipeline for every route: whoever adds one has to say here what it needs, and finds out whether it has it.

const openRoutes = ["GET /healthz"];
const cases = Object.entries(routeCases).map(([route, rule]) => ({ route, ...rule }));

let owner: IssuedKey;
let fixture: Fixture;
let rateLimited: IssuedKey;
let overdrawn: IssuedKey;

beforeAll(async () => {
  const project = newProject();
  owner = await issueKey({ project, scopes: everyScope });
  fixture = await createFixture(owner);
  await traceOf(owner, fixture.traceId);
  rateLimited = await issueKey({ project, scopes: everyScope, limits: { requests_per_minute: 0 } });
  // 50 tokens are reserved and 100 billed: the only way to owe more than the budget.
  overdrawn = await issueKey({ project, scopes: everyScope, limits: { daily_budget_micros: 600 } });
  await chat(overdrawn, chatBody("scripted/usage-0-100~free-input", { max_completion_tokens: 50 }));
  await usageOfKey(owner, overdrawn.id, 1);
});

const missing: Fixture = {
  collectionId: "col_0000000000000000",
  documentId: "doc_000000000000000000000000",
  keyId: "key_0000000000000000",
  traceId: "00000000000000000000000000000000",
  responseId: `resp_${"0".repeat(32)}`,
};

function ask(caller: Caller, route: string, { path, body }: RouteCase, things = fixture) {
  const method = route.slice(0, route.indexOf(" "));
  return send(caller, method, path(things), body);
}

describe("the route table", () => {
  it("is the one that is tested here", async () => {
    const document = z
      .object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse((await send(anonymous(), "GET", "/openapi.json")).json);
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes.toSorted()).toEqual([...openRoutes, ...Object.keys(routeCases)].toSorted());
  });

  it("has a few routes that need no key, and tell nothing", async () => {
    expect((await send(anonymous(), "GET", "/healthz")).json).toEqual({ status: "ok", environment: "local" });
    expect((await send(anonymous(), "GET", "/openapi.json")).status).toBe(200);
  });

  it.each([["/v1"], ["/v1/"], ["/v1/nothing"], ["/v1/keys/../models"], ["//v1/models"]])(
    "has no way in at %s without a key",
    async (path) => {
      expect([401, 404]).toContain((await send(anonymous(), "GET", path)).status);
    },
  );
});

describe.each(cases)("$route", ({ route, ...rule }) => {
  it("refuses a caller without a key", async () => {
    const reply = await ask(anonymous(), route, rule);
    expect(reply.status).toBe(401);
    expect(errorOf(reply).code).toBe("unauthenticated");
  });

  it(`refuses a key that lacks the scope ${rule.scope}, and only that`, async () => {
    const key = await issueKey({ project: owner.project, scopes: everyScope.filter((scope) => scope !== rule.scope) });
    const reply = await ask(key, route, rule);
    expect(reply.status).toBe(403);
    expect(errorOf(reply)).toMatchObject({ code: "forbidden" });
    expect(errorOf(reply).message).toContain(`\`${rule.scope}\``);
  });

  it("refuses a key whose rate limit is used up", async () => {
    const reply = await ask(rateLimited, route, rule);
    expect(reply.status, reply.text).toBe(429);
    expect(errorOf(reply).code).toBe("rate_limited");
    expect(reply.headers.get("x-parapet-limit")).toBe("requests_per_minute");
    expect(reply.headers.get("retry-after")).toMatch(/^\d+$/);
  });

  it("does not tell a key over its limits what there is and what not", async () => {
    const reply = await ask(rateLimited, route, rule, missing);
    expect(errorOf(reply).code).toBe("rate_limited");
  });

  it("refuses a key whose budget is overdrawn", async () => {
    const reply = await ask(overdrawn, route, rule);
    expect(reply.status, reply.text).toBe(429);
    expect(errorOf(reply).code).toBe("budget_exceeded");
    expect(reply.headers.get("x-parapet-limit")).toBe("daily_budget");
  });

  it("serves a key that has all it needs, and leaves an audit row", async () => {
    const reply = await ask(owner, route, rule);
    expect(reply.status, reply.text).toBe(rule.status);
    const outcome = rule.status < 400 ? "ok" : errorOf(reply).code;
    expect(await auditOf(owner, reply.traceId, rule.action)).toMatchObject({ actor: owner.id, outcome });
  });
});
