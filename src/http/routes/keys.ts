import { createRoute, z } from "@hono/zod-openapi";
import { issueApiKey } from "../../core/api-key.ts";
import { AppError } from "../../core/errors.ts";
import { writeCursor } from "../../core/page-cursor.ts";
import { newId } from "../../core/ids.ts";
import { scopes, type Principal, type Scope } from "../../core/principal.ts";
import type { KeyRow } from "../../db/key-store.ts";
import type { App, AppContext } from "../context.ts";
import { changeIn, govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { createdKey, createKeyRequest, keyId, keySummary, projectQuery } from "./key-schemas.ts";
import { errorResponses, jsonBody, jsonResponse, security } from "./openapi.ts";
import { pageOf, pageQuery, timeCursor, toPage } from "./page.ts";

const manage = requireScope("keys:write");

/** `/v1/keys`: create, list, rotate, revoke. A revocation holds everywhere within 10 s. */
export function registerKeyRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/keys",
      summary: "Create an API key",
      security,
      middleware: manage,
      request: { body: jsonBody(createKeyRequest) },
      responses: { 201: jsonResponse(createdKey), ...errorResponses },
    }),
    async (c) => {
      const body = c.req.valid("json");
      const principal = c.var.principal;
      const projectId = projectOf(principal, body.project_id);
      refuseWiderScopes(body.scopes, principal);
      const nowMs = c.var.services.clock();
      if (body.expires_at_ms !== null && body.expires_at_ms <= nowMs) {
        throw new AppError("invalid_request", "expires_at_ms: must be in the future (milliseconds since the epoch)", {
          param: "expires_at_ms",
        });
      }
      const own =
        principal.keyId === null ? null : await c.var.services.keys.findKey(principal.projectId, principal.keyId);
      const id = newId("key");
      const row: KeyRow = {
        id,
        rootId: id,
        projectId,
        name: body.name,
        scopes: body.scopes,
        requestsPerMinute: within(
          body.limits.requests_per_minute,
          own?.requestsPerMinute,
          "limits.requests_per_minute",
        ),
        tokensPerMinute: within(body.limits.tokens_per_minute, own?.tokensPerMinute, "limits.tokens_per_minute"),
        dailyBudgetMicros: within(
          body.limits.daily_budget_micros,
          own?.dailyBudgetMicros,
          "limits.daily_budget_micros",
        ),
        monthlyBudgetMicros: within(
          body.limits.monthly_budget_micros,
          own?.monthlyBudgetMicros,
          "limits.monthly_budget_micros",
        ),
        onDisconnect: body.on_disconnect,
        createdAtMs: nowMs,
        expiresAtMs: within(body.expires_at_ms, own?.expiresAtMs, "expires_at_ms"),
        revokedAtMs: null,
        rotatedFrom: null,
      };
      return govern(c, { action: "POST /v1/keys", target: row.id }, async () => {
        const record = changeIn(c, {
          principal: { ...principal, projectId },
          action: "key.create",
          target: row.id,
          detail: { scopes: body.scopes },
        });
        await c.var.services.keys.insertKey(row, record);
        await c.var.services.collectorOf(projectId).drainPending();
        return { result: c.json(await renderCreated(row, c), 201) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/keys",
      summary: "List API keys, newest first",
      security,
      middleware: manage,
      request: { query: pageQuery.extend(projectQuery.shape) },
      responses: { 200: jsonResponse(pageOf(keySummary)), ...errorResponses },
    }),
    async (c) => {
      const { limit, after, project_id: asked } = c.req.valid("query");
      return govern(c, { action: "GET /v1/keys" }, async () => {
        const before = timeCursor(after);
        const rows = await c.var.services.keys.listKeys(projectOf(c.var.principal, asked), {
          limit: limit + 1,
          before,
        });
        return {
          result: c.json(
            toPage({
              rows,
              limit,
              cursorOf: (row) => writeCursor({ atMs: row.createdAtMs, id: row.id }),
              render: renderKey,
            }),
            200,
          ),
        };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/keys/{id}/rotate",
      summary: "Make a successor with the same rights; the old key goes on for a while",
      security,
      middleware: manage,
      request: {
        params: keyId,
        query: projectQuery,
        body: jsonBody(
          z
            .strictObject({
              overlap_ms: z
                .int()
                .min(0)
                .max(7 * 86_400_000)
                .default(86_400_000),
            })
            .meta({ id: "RotateKeyRequest" }),
        ),
      },
      responses: { 201: jsonResponse(createdKey), ...errorResponses },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const { overlap_ms: overlapMs } = c.req.valid("json");
      return govern(c, { action: "POST /v1/keys/{id}/rotate", target: id }, async () => {
        const { services, principal: asker } = c.var;
        const principal = { ...asker, projectId: projectOf(asker, c.req.valid("query").project_id) };
        const nowMs = services.clock();
        const old = await services.keys.findKey(principal.projectId, id);
        if (old === null || old.revokedAtMs !== null || (old.expiresAtMs !== null && old.expiresAtMs <= nowMs))
          throw noSuchKey();
        refuseWiderScopes(scopesOf(old), principal);
        const successor: KeyRow = { ...old, id: newId("key"), createdAtMs: nowMs, rotatedFrom: old.id };
        const expiresAtMs = Math.min(old.expiresAtMs ?? Infinity, nowMs + overlapMs);
        const record = changeIn(c, {
          principal,
          action: "key.rotate",
          target: id,
          detail: { successor: successor.id, expires_at_ms: expiresAtMs },
        });
        await services.keys.rotateKey(successor, { id, expiresAtMs }, record);
        await services.collectorOf(principal.projectId).drainPending();
        return { result: c.json(await renderCreated(successor, c), 201) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "delete",
      path: "/v1/keys/{id}",
      summary: "Revoke an API key, everywhere within 10 s",
      security,
      middleware: manage,
      request: { params: keyId, query: projectQuery },
      responses: {
        200: jsonResponse(z.object({ id: z.string(), object: z.literal("key"), deleted: z.literal(true) })),
        ...errorResponses,
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      return govern(c, { action: "DELETE /v1/keys/{id}", target: id }, async () => {
        const { services, principal: asker } = c.var;
        const principal = { ...asker, projectId: projectOf(asker, c.req.valid("query").project_id) };
        const record = changeIn(c, { principal, action: "key.revoke", target: id, detail: {} });
        const revoked = await services.keys.revokeKey(principal.projectId, id, services.clock(), record);
        if (!revoked) throw noSuchKey();
        await services.collectorOf(principal.projectId).drainPending();
        return { result: c.json({ id, object: "key" as const, deleted: true as const }, 200) };
      });
    },
  );
}

/** The bootstrap admin has no project of its own; a key never leaves its own. */
function projectOf(principal: Principal, asked: string | undefined): string {
  if (asked === undefined || asked === principal.projectId) return principal.projectId;
  if (principal.kind === "admin") return asked;
  throw new AppError("forbidden", "A key manages keys of its own project only.", { param: "project_id" });
}

/** A new key's limit: what is asked, at most what the key that makes it has itself. */
function within(asked: number | null, own: number | null | undefined, param: string): number | null {
  if (own === null || own === undefined) return asked;
  if (asked !== null && asked > own)
    throw new AppError("forbidden", `${param}: your own key has ${own}, so it cannot give more.`, { param });
  return asked ?? own;
}

/** Nobody gives away more than they have. */
function refuseWiderScopes(wanted: Scope[], principal: Principal): void {
  const missing = wanted.find((scope) => !principal.scopes.has(scope));
  if (missing !== undefined)
    throw new AppError("forbidden", `Your key lacks the scope \`${missing}\`, so it cannot give it.`, {
      param: "scopes",
    });
}

function noSuchKey(): AppError {
  return new AppError("not_found", "There is no live key with this id.", { param: "id" });
}

/** A scope that a later version no longer knows gives nothing. */
function scopesOf(row: KeyRow): Scope[] {
  return scopes.filter((scope) => row.scopes.includes(scope));
}

async function renderCreated(row: KeyRow, c: AppContext): Promise<z.infer<typeof createdKey>> {
  const { id: keyIdText, rootId, projectId, expiresAtMs, onDisconnect: policy } = row;
  const key = await issueApiKey(
    { keyId: keyIdText, rootKeyId: rootId, projectId, scopes: scopesOf(row), expiresAtMs, onDisconnect: policy },
    c.var.services.secretKeys,
  );
  return { ...renderKey(row), key };
}

function renderKey(row: KeyRow): z.infer<typeof keySummary> {
  return {
    object: "key",
    id: row.id,
    name: row.name,
    project_id: row.projectId,
    scopes: row.scopes,
    limits: {
      requests_per_minute: row.requestsPerMinute,
      tokens_per_minute: row.tokensPerMinute,
      daily_budget_micros: row.dailyBudgetMicros,
      monthly_budget_micros: row.monthlyBudgetMicros,
    },
    on_disconnect: row.onDisconnect,
    created_at_ms: row.createdAtMs,
    expires_at_ms: row.expiresAtMs,
    revoked_at_ms: row.revokedAtMs,
    rotated_from: row.rotatedFrom,
  };
}
