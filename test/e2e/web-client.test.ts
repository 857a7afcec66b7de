import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { chat, chatBody, completionOf, errorOf, issueKey, open, readingScopes, send, type Caller } from "./api.ts";
import { startTestDeployment, type TestDeployment } from "./deployment.ts";
import { adminToken } from "./deployment-variables.ts";
import { issuer, startIdentityProvider, type IdentityProvider } from "./identity-provider.ts";
import { readEvents } from "./read-events.ts";
import { auditOf } from "./records.ts";

const origin = "https://app.example.test";
const requestsPerMinute = 20;
let identity: IdentityProvider;
let deployment: TestDeployment;

beforeAll(async () => {
  identity = await startIdentityProvider();
  deployment = await startTestDeployment({
    PARAPET_CORS_ORIGINS: `${origin},https://*.preview.test`,
    PARAPET_REQUESTS_PER_MINUTE: String(requestsPerMinute),
    PARAPET_JWT_ISSUERS: JSON.stringify([
      {
        issuer,
        jwksUrl: identity.keysUrl,
        audience: "web-app",
        algorithms: ["ES256"],
        projectId: "prj_web",
        allowedModels: ["auto", "scripted/ok", "scripted/long-20", "chain/ok~chain"],
      },
    ]),
  });
});

afterAll(async () => {
  await deployment?.stop();
  await identity?.stop();
});

async function user(subject: string, claims?: Record<string, unknown>, kid?: string): Promise<Caller> {
  return { baseUrl: deployment.url, key: await identity.tokenFor(subject, claims, kid) };
}

const fromPage = { headers: { origin } };

describe("the users of a web app", () => {
  it("cost the identity provider one look at its keys, however many come at once", async () => {
    const users = await Promise.all(Array.from({ length: 30 }, (_, index) => user(`cold-${index}`)));
    const replies = await Promise.all(users.map((caller) => send(caller, "GET", "/v1/models")));
    expect(replies.map(({ status }) => status)).toEqual(users.map(() => 200));
    const strangers = await Promise.all(Array.from({ length: 30 }, (_, index) => user("eve", {}, `junk-${index}`)));
    const refused = await Promise.all(strangers.map((caller) => send(caller, "GET", "/v1/models")));
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([401]));
    expect(identity.asked()).toBe(1);
  });

  it("chat from their page: a preflight, then an answer that it may read", async () => {
    const preflight = await open({ baseUrl: deployment.url, key: null }, "OPTIONS", "/v1/chat/completions", undefined, {
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    await preflight.arrayBuffer();
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe(origin);
    const reply = await send(await user("alice"), "POST", "/v1/chat/completions", chatBody("scripted/ok"), fromPage);
    expect(completionOf(reply).content).not.toBe("");
    expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
    expect(reply.headers.get("access-control-expose-headers")).toContain("x-parapet-cost");
  });

  it("stream, and the page may read the stream", async () => {
    const body = chatBody("scripted/long-20", { stream: true });
    const reply = await send(await user("alice"), "POST", "/v1/chat/completions", body, fromPage);
    expect(reply.headers.get("content-type")).toContain("text/event-stream");
    expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
    expect(readEvents(reply.text)).toMatchObject({ isDone: true, finishReason: "stop" });
  });

  it("are told what is wrong in a way that the page may read", async () => {
    const expired = await user("alice", { exp: Math.floor(Date.now() / 1000) - 60 });
    const reply = await send(expired, "GET", "/v1/models", undefined, fromPage);
    expect(reply.status).toBe(401);
    expect(errorOf(reply).message).toContain("expired");
    expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
  });

  it("cannot be spoken for by another page", async () => {
    const reply = await send(await user("alice"), "GET", "/v1/models", undefined, {
      headers: { origin: "https://evil.test" },
    });
    expect(reply.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("are each limited alone, and all their rows are theirs", async () => {
    const [bob, carol] = [await user("bob"), await user("carol")];
    const replies = await Promise.all(
      Array.from({ length: requestsPerMinute + 1 }, () => send(bob, "GET", "/v1/models")),
    );
    expect(replies.filter(({ status }) => status === 429)).toHaveLength(1);
    // A new token of the same user is the same user.
    expect((await send(await user("bob"), "GET", "/v1/models")).status).toBe(429);
    const reply = await chat(carol, chatBody("scripted/ok"));
    expect(reply.status).toBe(200);
    const reader = await issueKey(
      { project: "prj_web", scopes: readingScopes },
      { baseUrl: deployment.url, key: adminToken },
    );
    const row = await auditOf(reader, reply.traceId);
    expect(row).toMatchObject({ actor: "user", outcome: "ok" });
    expect(JSON.stringify(row)).not.toContain("carol");
  });

  it.each([
    ["GET", "/v1/keys"],
    ["POST", "/v1/keys"],
    ["GET", "/v1/audit"],
    ["GET", "/v1/usage"],
    ["GET", "/v1/collections"],
  ])("may not %s %s", async (method, path) => {
    const reply = await send(await user("dan"), method, path, method === "POST" ? { name: "x" } : undefined);
    expect(reply.status).toBe(403);
  });

  it.each([
    ["another subject", "scripted/ok", { subject: `user:${issuer}#alice` }, "parapet.subject"],
    ["the system", "scripted/ok", { subject: "system:evals" }, "parapet.subject"],
    ["a model outside their list", "scripted/echo", undefined, "model"],
    ["it by its name alone", "echo", undefined, "model"],
    ["a tier outside their list", "reasoning", undefined, "model"],
    ["a collection", "scripted/ok", { collection: "col_0000000000000000" }, "parapet.collection"],
  ])("may not name %s", async (_what, model, parapet, param) => {
    const reply = await chat(await user("erin"), chatBody(model, parapet === undefined ? {} : { parapet }));
    expect(reply.status, reply.text).toBe(403);
    expect(errorOf(reply)).toMatchObject({ code: "forbidden", param });
  });

  it("see the models they may name, and no other", async () => {
    const reply = await send(await user("gina"), "GET", "/v1/models");
    const { data } = z.object({ data: z.array(z.object({ id: z.string() })) }).parse(reply.json);
    expect(data.map(({ id }) => id).toSorted()).toEqual(["auto", "chain/ok~chain", "scripted/long-20", "scripted/ok"]);
    const hidden = await send(await user("gina"), "GET", "/v1/models/scripted%2Fecho");
    expect(errorOf(hidden).code).toBe("model_not_found");
  });

  it("may leave the provider out of a name in their list", async () => {
    expect(completionOf(await chat(await user("hugo"), chatBody("ok~chain"))).model).toBe("chain/ok~chain");
  });

  it("are routed by `auto` to no model outside their list", async () => {
    // For anybody else the reasoning tier's model is the first candidate, and fails over.
    const body = chatBody("auto", { parapet: { sensitive: false } });
    const { parapet } = completionOf(await chat(await user("frank"), body));
    expect(parapet.route.candidates).toEqual(["chain/ok~chain"]);
  });
});
