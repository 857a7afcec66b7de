import { chat, chatBody, send, type Caller } from "./api.ts";

/** What exists when a route is tried. */
export interface Fixture {
  responseId: string;
  collectionId: string;
  documentId: string;
  keyId: string;
  traceId: string;
}

export interface RouteCase {
  /** The scope without which it answers 403. */
  scope: string;
  /** Of the audit row it leaves. */
  action: string;
  /** With ids that exist, where it has any: a missing thing must not be what refuses. */
  path: (fixture: Fixture) => string;
  body?: object;
  /** What an admitted request of this form is answered with. */
  status: number;
}

const missingRun = "evr_0000000000000000";

/** Every route that needs a key, by the method and path that `/openapi.json` gives it. */
export const routeCases: Readonly<Record<string, RouteCase>> = {
  "POST /v1/chat/completions": {
    scope: "chat",
    action: "chat.completions",
    path: () => "/v1/chat/completions",
    body: chatBody("scripted/ok"),
    status: 200,
  },
  "POST /v1/responses": {
    scope: "chat",
    action: "responses",
    path: () => "/v1/responses",
    body: { model: "scripted/ok", input: "Say hello." },
    status: 200,
  },
  "GET /v1/responses/{id}": {
    scope: "chat",
    action: "GET /v1/responses/{id}",
    path: ({ responseId }) => `/v1/responses/${responseId}`,
    status: 200,
  },
  "GET /v1/responses/{id}/input_items": {
    scope: "chat",
    action: "GET /v1/responses/{id}/input_items",
    path: ({ responseId }) => `/v1/responses/${responseId}/input_items`,
    status: 200,
  },
  "POST /v1/messages": {
    scope: "chat",
    action: "messages",
    path: () => "/v1/messages",
    body: { model: "scripted/ok", max_tokens: 50, messages: [{ role: "user", content: "Say hello." }] },
    status: 200,
  },
  "POST /v1/messages/count_tokens": {
    scope: "chat",
    action: "POST /v1/messages/count_tokens",
    path: () => "/v1/messages/count_tokens",
    body: { model: "scripted/ok", messages: [{ role: "user", content: "Say hello." }] },
    status: 200,
  },
  "POST /v1/embeddings": {
    scope: "embeddings",
    action: "embeddings",
    path: () => "/v1/embeddings",
    body: { model: "scripted/embed", input: "hello" },
    status: 200,
  },
  "POST /v1/route": {
    scope: "chat",
    action: "POST /v1/route",
    path: () => "/v1/route",
    body: chatBody("scripted/ok"),
    status: 200,
  },
  "POST /v1/tools/openapi": {
    scope: "chat",
    action: "POST /v1/tools/openapi",
    path: () => "/v1/tools/openapi",
    body: { spec: { servers: [{ url: "https://api.example.com" }], paths: { "/a": { get: {} } } } },
    status: 200,
  },
  "GET /v1/models": { scope: "chat", action: "GET /v1/models", path: () => "/v1/models", status: 200 },
  "GET /v1/models/{id}": {
    scope: "chat",
    action: "GET /v1/models/{id}",
    path: () => "/v1/models/scripted%2Fok",
    status: 200,
  },
  "POST /v1/collections": {
    scope: "collections:write",
    action: "POST /v1/collections",
    path: () => "/v1/collections",
    body: { name: "another" },
    status: 201,
  },
  "GET /v1/collections": {
    scope: "collections:read",
    action: "GET /v1/collections",
    path: () => "/v1/collections",
    status: 200,
  },
  "GET /v1/collections/{id}": {
    scope: "collections:read",
    action: "GET /v1/collections/{id}",
    path: ({ collectionId }) => `/v1/collections/${collectionId}`,
    status: 200,
  },
  "POST /v1/collections/{id}/search": {
    scope: "collections:read",
    action: "collections.search",
    path: ({ collectionId }) => `/v1/collections/${collectionId}/search`,
    body: { query: "battery" },
    status: 200,
  },
  "POST /v1/collections/{id}/documents": {
    scope: "collections:write",
    action: "documents.put",
    path: ({ collectionId }) => `/v1/collections/${collectionId}/documents`,
    body: { external_id: "second", text: "The lamp is blue." },
    status: 201,
  },
  "GET /v1/collections/{id}/documents": {
    scope: "collections:read",
    action: "GET /v1/collections/{id}/documents",
    path: ({ collectionId }) => `/v1/collections/${collectionId}/documents`,
    status: 200,
  },
  "GET /v1/collections/{id}/documents/{documentId}": {
    scope: "collections:read",
    action: "GET /v1/collections/{id}/documents/{documentId}",
    path: ({ collectionId, documentId }) => `/v1/collections/${collectionId}/documents/${documentId}`,
    status: 200,
  },
  "POST /v1/keys": {
    scope: "keys:write",
    action: "POST /v1/keys",
    path: () => "/v1/keys",
    body: { name: "another" },
    status: 201,
  },
  "GET /v1/keys": { scope: "keys:write", action: "GET /v1/keys", path: () => "/v1/keys", status: 200 },
  "POST /v1/keys/{id}/rotate": {
    scope: "keys:write",
    action: "POST /v1/keys/{id}/rotate",
    path: ({ keyId }) => `/v1/keys/${keyId}/rotate`,
    body: {},
    status: 201,
  },
  "PUT /v1/budgets/{kind}/{target}": {
    scope: "budgets:write",
    action: "PUT /v1/budgets/{kind}/{target}",
    path: () => "/v1/budgets/feature/fixture",
    body: { daily_budget_micros: 1_000_000 },
    status: 200,
  },
  "GET /v1/budgets": { scope: "usage:read", action: "GET /v1/budgets", path: () => "/v1/budgets", status: 200 },
  "GET /v1/budgets/{kind}/{target}": {
    scope: "usage:read",
    action: "GET /v1/budgets/{kind}/{target}",
    path: () => "/v1/budgets/feature/fixture",
    status: 200,
  },
  "GET /v1/usage": { scope: "usage:read", action: "GET /v1/usage", path: () => "/v1/usage", status: 200 },
  "GET /v1/usage/export": {
    scope: "usage:read",
    action: "GET /v1/usage/export",
    path: () => "/v1/usage/export",
    status: 200,
  },
  "POST /v1/usage/rebuild": {
    scope: "budgets:write",
    action: "POST /v1/usage/rebuild",
    path: () => "/v1/usage/rebuild",
    body: { from: "2026-11-21T00:00:00Z", to: "2026-11-21T01:00:00Z" },
    status: 200,
  },
  "GET /v1/audit": { scope: "audit:read", action: "GET /v1/audit", path: () => "/v1/audit", status: 200 },
  "GET /v1/audit/verify": {
    scope: "audit:read",
    action: "GET /v1/audit/verify",
    path: () => "/v1/audit/verify",
    status: 200,
  },
  "GET /v1/traces/{id}": {
    scope: "traces:read",
    action: "GET /v1/traces/{id}",
    path: ({ traceId }) => `/v1/traces/${traceId}`,
    status: 200,
  },
  "GET /v1/traces/{id}/content": {
    scope: "content:read",
    action: "GET /v1/traces/{id}/content",
    path: ({ traceId }) => `/v1/traces/${traceId}/content`,
    status: 200,
  },
  // No suite and no run of that name: admitted all the same, and nothing is started.
  "POST /v1/evals/runs": {
    scope: "evals:run",
    action: "POST /v1/evals/runs",
    path: () => "/v1/evals/runs",
    body: { suite: "none" },
    status: 404,
  },
  "GET /v1/evals/runs": {
    scope: "evals:run",
    action: "GET /v1/evals/runs",
    path: () => "/v1/evals/runs",
    status: 200,
  },
  "GET /v1/evals/runs/{id}": {
    scope: "evals:run",
    action: "GET /v1/evals/runs/{id}",
    path: () => `/v1/evals/runs/${missingRun}`,
    status: 404,
  },
  // What deletes comes last: the others need what it takes away.
  "DELETE /v1/budgets/{kind}/{target}": {
    scope: "budgets:write",
    action: "DELETE /v1/budgets/{kind}/{target}",
    path: () => "/v1/budgets/feature/fixture",
    status: 200,
  },
  "DELETE /v1/responses/{id}": {
    scope: "chat",
    action: "DELETE /v1/responses/{id}",
    path: ({ responseId }) => `/v1/responses/${responseId}`,
    status: 200,
  },
  "DELETE /v1/collections/{id}/documents/{documentId}": {
    scope: "collections:write",
    action: "DELETE /v1/collections/{id}/documents/{documentId}",
    path: ({ collectionId, documentId }) => `/v1/collections/${collectionId}/documents/${documentId}`,
    status: 200,
  },
  "DELETE /v1/collections/{id}": {
    scope: "collections:write",
    action: "DELETE /v1/collections/{id}",
    path: ({ collectionId }) => `/v1/collections/${collectionId}`,
    status: 200,
  },
  "DELETE /v1/keys/{id}": {
    scope: "keys:write",
    action: "DELETE /v1/keys/{id}",
    path: ({ keyId }) => `/v1/keys/${keyId}`,
    status: 200,
  },
};

/** Makes one of each thing a route can name. */
export async function createFixture(owner: Caller): Promise<Fixture> {
  const create = async (path: string, body: object): Promise<string> => {
    const reply = await send(owner, "POST", path, body);
    if (reply.status !== 201) throw new Error(`no fixture: ${reply.status} ${reply.text}`);
    // Every creation answers with an id.
    return (reply.json as { id: string }).id;
  };
  const collectionId = await create("/v1/collections", { name: "fixture" });
  const documentId = await create(`/v1/collections/${collectionId}/documents`, {
    external_id: "first",
    text: "The battery lasts nine hours.",
  });
  const keyId = await create("/v1/keys", { name: "fixture", scopes: ["chat"] });
  const { traceId } = await chat(owner, chatBody("scripted/ok"));
  const kept = await send(owner, "POST", "/v1/responses", { model: "scripted/ok", input: "Say hello." });
  if (kept.status !== 200) throw new Error(`no response: ${kept.status} ${kept.text}`);
  // Every response has an id.
  const { id: responseId } = kept.json as { id: string };
  return { collectionId, documentId, keyId, traceId, responseId };
}
