import { createRoute, z } from "@hono/zod-openapi";
import { writeCursor } from "../../core/page-cursor.ts";
import { newId } from "../../core/ids.ts";
import type { Hit } from "../../core/retrieval.ts";
import type { CollectionRow } from "../../db/collection-store.ts";
import { searchInHold } from "../../gateway/search-in-hold.ts";
import { noSuchCollection } from "../../gateway/searchable-collection.ts";
import { removeAllDocuments } from "../../retrieval/remove.ts";
import type { App } from "../context.ts";
import { changeIn, govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { requestScope } from "../request-scope.ts";
import { errorResponses, jsonBody, jsonResponse, security } from "./openapi.ts";
import { pageOf, pageQuery, timeCursor, toPage } from "./page.ts";

export const collectionId = z.object({ id: z.string().regex(/^col_[a-z0-9]{16}$/, "is not a collection id") });

const collection = z
  .object({
    object: z.literal("collection"),
    id: z.string(),
    name: z.string(),
    embedding: z.string().describe("Model, dimensions, pooling and metric of its vectors"),
    created_at_ms: z.int(),
  })
  .meta({ id: "Collection" });

const hit = z
  .object({
    chunk_id: z.string(),
    document_id: z.string(),
    document_title: z.string(),
    heading_path: z.array(z.string()),
    text: z.string(),
    start: z.int(),
    end: z.int(),
    score: z.number(),
    lexical_score: z.number().nullable(),
    vector_score: z.number().nullable(),
  })
  .meta({ id: "SearchHit" });

const read = requireScope("collections:read");
const write = requireScope("collections:write");

/** `/v1/collections`: create, list, show, search, delete. */
export function registerCollectionRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/collections",
      summary: "Create a collection",
      security,
      middleware: write,
      request: {
        body: jsonBody(
          z
            .strictObject({
              name: z.string().regex(/^[\w .-]{1,100}$/, "must be 1 to 100 letters, digits, spaces or . _ -"),
            })
            .meta({ id: "CreateCollectionRequest" }),
        ),
      },
      responses: { 201: jsonResponse(collection), ...errorResponses },
    }),
    async (c) => {
      const { name } = c.req.valid("json");
      const { services, principal } = c.var;
      const row: CollectionRow = {
        id: newId("collection"),
        projectId: principal.projectId,
        name,
        fingerprint: services.embeddingFingerprint,
        createdAtMs: services.clock(),
      };
      return govern(c, { action: "POST /v1/collections", target: row.id }, async () => {
        const record = changeIn(c, { action: "collection.create", target: row.id, detail: {} });
        await services.collections.insertCollection(row, record);
        await services.collectorOf(principal.projectId).drainPending();
        return { result: c.json(renderCollection(row), 201) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/collections",
      summary: "List collections, newest first",
      security,
      middleware: read,
      request: { query: pageQuery },
      responses: { 200: jsonResponse(pageOf(collection)), ...errorResponses },
    }),
    async (c) => {
      const { limit, after } = c.req.valid("query");
      return govern(c, { action: "GET /v1/collections" }, async () => {
        const before = timeCursor(after);
        const rows = await c.var.services.collections.listCollections(c.var.principal.projectId, {
          limit: limit + 1,
          before,
        });
        return {
          result: c.json(
            toPage({
              rows,
              limit,
              cursorOf: (row) => writeCursor({ atMs: row.createdAtMs, id: row.id }),
              render: renderCollection,
            }),
            200,
          ),
        };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/collections/{id}",
      summary: "One collection",
      security,
      middleware: read,
      request: { params: collectionId },
      responses: { 200: jsonResponse(collection), ...errorResponses },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      return govern(c, { action: "GET /v1/collections/{id}", target: id }, async () => {
        const row = await c.var.services.collections.findCollection(c.var.principal.projectId, id);
        if (row === null) throw noSuchCollection("id");
        return { result: c.json(renderCollection(row), 200) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "delete",
      path: "/v1/collections/{id}",
      summary: "Delete a collection with its documents; at once",
      security,
      middleware: write,
      request: { params: collectionId },
      responses: {
        200: jsonResponse(z.object({ id: z.string(), object: z.literal("collection"), deleted: z.literal(true) })),
        ...errorResponses,
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      return govern(c, { action: "DELETE /v1/collections/{id}", target: id }, async () => {
        const { services, principal } = c.var;
        if ((await services.collections.findCollection(principal.projectId, id)) === null) throw noSuchCollection("id");
        const record = changeIn(c, { action: "collection.delete", target: id, detail: {} });
        await services.collections.deleteCollection(principal.projectId, id, record);
        const { vectors, indexOf } = services.ingestion;
        await removeAllDocuments({ collection: indexOf(principal.projectId, id), vectors });
        await services.collectorOf(principal.projectId).drainPending();
        return { result: c.json({ id, object: "collection" as const, deleted: true as const }, 200) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/collections/{id}/search",
      summary: "Search a collection, by words and by meaning",
      security,
      middleware: read,
      request: {
        params: collectionId,
        body: jsonBody(
          z
            .strictObject({
              query: z.string().regex(/\S/, "must contain a word").max(4_000),
              limit: z.int().min(1).max(50).default(8),
            })
            .meta({ id: "SearchRequest" }),
        ),
      },
      responses: {
        200: jsonResponse(
          z.object({
            object: z.literal("list"),
            data: z.array(hit),
            degraded: z.boolean().describe("True when only the words were searched"),
          }),
        ),
        ...errorResponses,
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const { query, limit } = c.req.valid("json");
      const { services, principal } = c.var;
      const request = { collectionId: id, query, limit };
      const found = await searchInHold(request, requestScope(c, principal, "collections.search"), services.gateway);
      return c.json({ object: "list" as const, data: found.hits.map(renderHit), degraded: found.degraded }, 200);
    },
  );
}

function renderCollection(row: CollectionRow): z.infer<typeof collection> {
  return {
    object: "collection",
    id: row.id,
    name: row.name,
    embedding: row.fingerprint,
    created_at_ms: row.createdAtMs,
  };
}

function renderHit({ chunk, score, lexicalScore, vectorScore }: Hit): z.infer<typeof hit> {
  return {
    chunk_id: chunk.id,
    document_id: chunk.documentId,
    document_title: chunk.documentTitle,
    heading_path: chunk.headingPath,
    text: chunk.text,
    start: chunk.start,
    end: chunk.end,
    score,
    lexical_score: lexicalScore,
    vector_score: vectorScore,
  };
}
