import { beforeAll, describe, expect, it } from "vitest";
import { issueApiKey, readApiKey } from "../../src/core/api-key.ts";
import { createSecretKeys } from "../../src/core/secret-keys.ts";
import { until } from "../support/until.ts";
import {
  admin,
  anonymous,
  chat,
  chatBody,
  errorOf,
  everyScope,
  issueKey,
  newProject,
  readingScopes,
  send,
  type IssuedKey,
} from "./api.ts";
import { deploymentSecret } from "./deployment-variables.ts";
import { auditOf, listAudit, listUsage, usageOfKey } from "./records.ts";

const project = newProject();
let reader: IssuedKey;

beforeAll(async () => {
  reader = await issueKey({ project, scopes: readingScopes });
});

async function statusOf(key: IssuedKey): Promise<number> {
  return (await send(key, "GET", "/v1/models")).status;
}

describe("a plain chat key", () => {
  let key: IssuedKey;

  beforeAll(async () => {
    key = await issueKey({ project, scopes: ["chat", "embeddings"] });
  });

  it.each([
    ["/v1/chat/completions", chatBody("scripted/ok", { parapet: { subject: "jane" } })],
    ["/v1/embeddings", { model: "scripted/embed", input: "x", parapet: { subject: "jane" } }],
  ])("cannot act as another subject on %s", async (path, body) => {
    const reply = await send(key, "POST", path, body);
    expect(reply.status).toBe(403);
    expect(errorOf(reply)).toMatchObject({ code: "forbidden", param: "parapet.subject" });
  });

  it("cannot act as another key by naming it", async () => {
    const other = await issueKey({ project });
    const reply = await chat(key, chatBody("scripted/ok", { parapet: { subject: other.id } }));
    expect(reply.status).toBe(403);
  });

  it.each([
    ["parapet.groups", { parapet: { groups: ["admins"] } }],
    ["parapet.roles", { parapet: { roles: ["admin"] } }],
    ["groups", { groups: ["admins"] }],
    ["subject", { subject: "jane" }],
  ])("cannot bring %s along in the body", async (param, more) => {
    const reply = await chat(key, chatBody("scripted/ok", more));
    expect(reply.status).toBe(400);
    expect(errorOf(reply)).toMatchObject({ code: "invalid_request", param });
  });

  it("stays its own subject whatever `user` says, and whatever headers come along", async () => {
    const plain = await chat(key, chatBody("scripted/ok"));
    const named = await send(key, "POST", "/v1/chat/completions", chatBody("scripted/ok", { user: "jane" }), {
      headers: { "x-parapet-subject": "jane", "x-forwarded-user": "jane", "x-parapet-project": "prj_default" },
    });
    const [own, other] = [await auditOf(reader, plain.traceId), await auditOf(reader, named.traceId)];
    expect(other.subjectId).toBe(own.subjectId);
    await usageOfKey(reader, key.id, 2);
    expect(await listUsage(reader, { key: key.id, group_by: "subject" })).toHaveLength(1);
  });

  it("may name itself", async () => {
    const reply = await chat(key, chatBody("scripted/ok", { parapet: { subject: key.id } }));
    expect(reply.status).toBe(200);
  });
});

describe("a key that may act for others", () => {
  it("is limited over them all, and accounted for each of them alone", async () => {
    const key = await issueKey({ project, scopes: ["chat", "act_as"], limits: { requests_per_minute: 2 } });
    const ask = (subject: string) => chat(key, chatBody("scripted/ok", { parapet: { subject } }));
    const [jane, joe, again] = [await ask("jane"), await ask("joe"), await ask("jane")];
    expect([jane.status, joe.status, again.status]).toEqual([200, 200, 429]);
    expect(again.headers.get("x-parapet-limit")).toBe("key_requests_per_minute");
    const [first, second] = [await auditOf(reader, jane.traceId), await auditOf(reader, joe.traceId)];
    expect(first.subjectId).not.toBe(second.subjectId);
    expect(JSON.stringify([first, second])).not.toMatch(/jane|joe/);
    await usageOfKey(reader, key.id, 2);
    const mine = await listUsage(reader, { key: key.id, subject: "jane", group_by: "subject" });
    expect(mine).toMatchObject([{ calls: 1, group: { subject: first.subjectId } }]);
  });

  it.each([["admin"], ["key_0000000000000000"]])("cannot act as %s", async (subject) => {
    const key = await issueKey({ project, scopes: ["chat", "act_as"] });
    const reply = await chat(key, chatBody("scripted/ok", { parapet: { subject } }));
    expect(errorOf(reply)).toMatchObject({ code: "invalid_request", param: "parapet.subject" });
  });
});

describe("another project", () => {
  let mine: IssuedKey;
  let theirs: IssuedKey;
  let collectionId: string;
  let documentId: string;
  let myCollectionId: string;
  let traceId: string;

  async function create(key: IssuedKey, path: string, body: object): Promise<string> {
    const reply = await send(key, "POST", path, body);
    expect(reply.status, reply.text).toBe(201);
    // Every creation answers with an id.
    return (reply.json as { id: string }).id;
  }

  beforeAll(async () => {
    mine = await issueKey({ project: newProject(), scopes: everyScope });
    theirs = await issueKey({ project: newProject(), scopes: everyScope });
    collectionId = await create(theirs, "/v1/collections", { name: "secrets" });
    documentId = await create(theirs, `/v1/collections/${collectionId}/documents`, {
      external_id: "plan",
      text: "# Plan\n\nThe launch is on Friday.",
    });
    myCollectionId = await create(mine, "/v1/collections", { name: "secrets" });
    const reply = await chat(theirs, chatBody("scripted/ok"));
    traceId = reply.traceId;
    await auditOf(theirs, traceId);
    await usageOfKey(theirs, theirs.id, 1);
  });

  it.each([
    { method: "GET", path: "/v1/collections/{theirs}" },
    { method: "DELETE", path: "/v1/collections/{theirs}" },
    { method: "GET", path: "/v1/collections/{theirs}/documents" },
    { method: "GET", path: "/v1/collections/{theirs}/documents/{document}" },
    { method: "DELETE", path: "/v1/collections/{theirs}/documents/{document}" },
    { method: "GET", path: "/v1/collections/{mine}/documents/{document}" },
    { method: "DELETE", path: "/v1/collections/{mine}/documents/{document}" },
    { method: "POST", path: "/v1/collections/{theirs}/documents", body: { external_id: "x", text: "Mine now." } },
    { method: "POST", path: "/v1/collections/{theirs}/search", body: { query: "launch" } },
    {
      method: "POST",
      path: "/v1/chat/completions",
      body: chatBody("auto", { parapet: { collection: "{theirs}" } }),
    },
    { method: "GET", path: "/v1/traces/{trace}" },
    { method: "GET", path: "/v1/traces/{trace}/content" },
    { method: "POST", path: "/v1/keys/{key}/rotate", body: {} },
    { method: "DELETE", path: "/v1/keys/{key}" },
  ])("is as good as absent to $method $path", async ({ method, path, body }) => {
    const fill = (text: string) =>
      text
        .replace("{theirs}", collectionId)
        .replace("{mine}", myCollectionId)
        .replace("{document}", documentId)
        .replace("{trace}", traceId)
        .replace("{key}", theirs.id);
    const reply = await send(mine, method, fill(path), body === undefined ? undefined : fill(JSON.stringify(body)));
    expect(reply.status, reply.text).toBe(404);
    expect(errorOf(reply).code).toBe("not_found");
    expect(reply.text).not.toMatch(/launch|Friday/);
  });

  it("answers its own key as before", async () => {
    const reply = await send(theirs, "POST", `/v1/collections/${collectionId}/search`, { query: "launch" });
    expect(reply.text).toContain("Friday");
    expect((await send(theirs, "GET", `/v1/traces/${traceId}`)).status).toBe(200);
  });

  it("shows in no list", async () => {
    const lists = await Promise.all(
      ["/v1/collections", "/v1/keys", "/v1/evals/runs"].map((path) => send(mine, "GET", path)),
    );
    for (const { status, text } of lists) {
      expect(status).toBe(200);
      expect(text).not.toContain(collectionId);
      expect(text).not.toContain(theirs.id);
    }
    // What it asked for in vain stands in its own log; what the others did does not.
    expect((await listAudit(mine, {})).map(({ actor }) => actor)).not.toContain(theirs.id);
    expect(await listUsage(mine, { key: theirs.id })).toEqual([]);
    expect(await listAudit(mine, { trace_id: traceId })).toEqual([]);
  });

  it("gets no keys from a key, only from the bootstrap admin", async () => {
    const reply = await send(mine, "POST", "/v1/keys", { name: "x", scopes: ["chat"], project_id: theirs.project });
    expect(reply.status).toBe(403);
    expect(errorOf(reply)).toMatchObject({ code: "forbidden", param: "project_id" });
  });
});

describe("the life of a key", () => {
  it("ends when it expires", async () => {
    const key = await issueKey({ project, expiresAtMs: Date.now() + 2_000 });
    expect(await statusOf(key)).toBe(200);
    await until(async () => (await statusOf(key)) === 401, { timeoutMs: 5_000, what: "the key has expired" });
  });

  it("cannot begin after its end", async () => {
    const reply = await send(admin(), "POST", "/v1/keys", { name: "x", expires_at_ms: Date.now() - 1 });
    expect(errorOf(reply)).toMatchObject({ code: "invalid_request", param: "expires_at_ms" });
  });

  it("goes on in a successor; both work while they overlap", async () => {
    const owner = await issueKey({ project: newProject(), scopes: everyScope });
    const old = await issueKey({ scopes: ["chat"], limits: { requests_per_minute: 77 } }, owner);
    const reply = await send(owner, "POST", `/v1/keys/${old.id}/rotate`, { overlap_ms: 600_000 });
    expect(reply.status, reply.text).toBe(201);
    expect(reply.json).toMatchObject({ rotated_from: old.id, scopes: ["chat"], limits: { requests_per_minute: 77 } });
    // A created key.
    const successor = { ...old, ...(reply.json as { id: string; key: string }) };
    expect(successor.id).not.toBe(old.id);
    expect([await statusOf(old), await statusOf(successor)]).toEqual([200, 200]);
  });

  it("passes to its successor within 10 s where they do not overlap", async () => {
    const owner = await issueKey({ project: newProject(), scopes: everyScope });
    const old = await issueKey({ scopes: ["chat"] }, owner);
    expect(await statusOf(old)).toBe(200);
    const reply = await send(owner, "POST", `/v1/keys/${old.id}/rotate`, { overlap_ms: 0 });
    const successor = { ...old, ...(reply.json as { id: string; key: string }) };
    await until(async () => (await statusOf(old)) === 401, { timeoutMs: 10_000, what: "the old key is refused" });
    expect(await statusOf(successor)).toBe(200);
  });

  it("ends within 10 s of its revocation, however busy it is", async () => {
    const owner = await issueKey({ project: newProject(), scopes: everyScope });
    const key = await issueKey({ scopes: ["chat"] }, owner);
    expect(await statusOf(key)).toBe(200);
    expect((await send(owner, "DELETE", `/v1/keys/${key.id}`)).status).toBe(200);
    await until(async () => (await statusOf(key)) === 401, { timeoutMs: 10_000, what: "the revoked key is refused" });
    expect((await send(owner, "DELETE", `/v1/keys/${key.id}`)).status).toBe(404);
    const list = await send(owner, "GET", "/v1/keys");
    expect(list.text).toContain(key.id);
    expect(list.text).not.toContain(key.key);
  });

  it("leaves nothing to find out once it is over", async () => {
    const owner = await issueKey({ project: newProject(), scopes: everyScope });
    const key = await issueKey({ scopes: ["chat", "collections:read", "collections:write"] }, owner);
    await send(owner, "DELETE", `/v1/keys/${key.id}`);
    const missing = "col_0000000000000000";
    for (const [path, body] of [
      ["/v1/chat/completions", chatBody("scripted/ok", { parapet: { collection: missing } })],
      [`/v1/collections/${missing}/search`, { query: "x" }],
      [`/v1/collections/${missing}/documents`, { external_id: "x", text: "x" }],
    ] as const) {
      expect((await send(key, "POST", path, body)).status, path).toBe(401);
    }
  });

  it("gives nobody more than its owner has", async () => {
    const owner = await issueKey({ project: newProject(), scopes: ["chat", "keys:write"] });
    const wide = await issueKey({ project: owner.project, scopes: ["chat", "audit:read"] });
    for (const [path, body] of [
      ["/v1/keys", { name: "x", scopes: ["chat", "audit:read"] }],
      [`/v1/keys/${wide.id}/rotate`, {}],
    ] as const) {
      const reply = await send(owner, "POST", path, body);
      expect(reply.status, reply.text).toBe(403);
      expect(errorOf(reply)).toMatchObject({ code: "forbidden", param: "scopes" });
    }
  });
});

describe("a token that is no key", () => {
  it("gets one and the same answer, whatever is wrong with it", async () => {
    const good = await issueKey({ project });
    const claims = await readApiKey(good.key, await createSecretKeys(deploymentSecret));
    if (claims === null) throw new Error("the deployment's key verifies under its secret");
    const forged = await issueApiKey(claims, await createSecretKeys("another-secret-another-secret-another"));
    const expired = await issueApiKey(
      { ...claims, expiresAtMs: Date.now() - 60_000 },
      await createSecretKeys(deploymentSecret),
    );
    const altered = good.key.slice(0, 40) + (good.key[40] === "A" ? "B" : "A") + good.key.slice(41);
    const tokens = [
      "x",
      "parapet_",
      "parapet_AAAA",
      `parapet_${"A".repeat(5_000)}`,
      "admin_e2e",
      forged,
      expired,
      altered,
    ];
    const replies = await Promise.all(tokens.map((key) => send({ ...anonymous(), key }, "GET", "/v1/models")));
    const bodies = replies.map((reply) => ({ ...errorOf(reply), request_id: "", status: reply.status }));
    for (const body of bodies) expect(body).toEqual({ ...bodies[0], status: 401, code: "unauthenticated" });
    for (const { headers } of replies) expect(headers.get("www-authenticate")).toBe("Bearer");
  });

  it.each([
    ["none", {}],
    ["another scheme", { authorization: "Basic cGFyYXBldA==" }],
    ["an empty one", { authorization: "Bearer " }],
  ])("is refused for %s too", async (_what, headers) => {
    const reply = await send(anonymous(), "GET", "/v1/models", undefined, { headers });
    expect(reply.status).toBe(401);
    expect(errorOf(reply).code).toBe("unauthenticated");
  });
});
