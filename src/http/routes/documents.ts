import { createRoute, z } from "@hono/zod-openapi";
import { AppError } from "../../core/errors.ts";
import type { DocumentRow } from "../../db/collection-store.ts";
import { ingestDocument } from "../../gateway/ingest-document.ts";
import { noSuchCollection } from "../../gateway/searchable-collection.ts";
import { removeDocument } from "../../retrieval/remove.ts";
import type { App, AppContext } from "../context.ts";
import { changeIn, govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { requestScope } from "../request-scope.ts";
import { collectionId } from "./collections.ts";
import { errorResponses, jsonBody, jsonResponse, security } from "./openapi.ts";
import { pageOf, pageQuery, toPage } from "./page.ts";

const maxTextLength = 2_000_000;

const putDocumentRequest = z
  .strictObject({
    external_id: z
      .string()
      .regex(/^[\w .:/@-]{1,200}$/, "must be 1 to 200 letters, digits, spaces or . _ : / @ -")
      .describe("Your own name for the document; the same name again replaces it."),
    title: z.string().min(1).max(300).optional().describe("By default the first heading, or the name"),
    content_type: z.enum(["text/markdown", "text/plain"]).default("text/markdown"),
    text: z.string().min(1).max(maxTextLength),
  })
  .meta({ id: "PutDocumentRequest" });

const document = z
  .object({
    object: z.literal("document"),
    id: z.string(),
    collection_id: z.string(),
    external_id: z.string(),
    title: z.string(),
    content_type: z.string(),
    content_hash: z.string(),
    characters: z.int(),
    chunks: z.int(),
    created_at_ms: z.int(),
    updated_at_ms: z.int(),
  })
  .meta({ id: "Document" });

const putDocumentResponse = document
  .extend({
    status: z.enum(["created", "updated", "unchanged"]),
    embedded: z.int().describe("Chunks that were embedded now: only what changed"),
    degraded: z.boolean().describe("True when the document is found by its words alone, until it is sent again"),
  })
  .meta({ id: "PutDocumentResponse" });

const documentId = collectionId.extend({ documentId: z.string().regex(/^doc_[0-9a-f]{24}$/, "is not a document id") });

/** `/v1/collections/{id}/documents`: put, list, show, delete. */
export function registerDocumentRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/collections/{id}/documents",
      summary: "Put a document; it can be found when this returns",
      security,
      middleware: requireScope("collections:write"),
      request: { params: collectionId, body: jsonBody(putDocumentRequest) },
      responses: {
        200: jsonResponse(putDocumentResponse),
        201: jsonResponse(putDocumentResponse, "Created"),
        ...errorResponses,
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const body = c.req.valid("json");
      const { services, principal } = c.var;
      const ingested = await ingestDocument(
        {
          collectionId: id,
          externalId: body.external_id,
          title: body.title ?? firstHeading(body.text) ?? body.external_id,
          contentType: body.content_type,
          text: body.text,
        },
        requestScope(c, principal, "documents.put"),
        services.ingestion,
      );
      await services.collectorOf(principal.projectId).drainPending();
      c.header("x-parapet-cost", String(ingested.costMicros));
      const { row, status, embedded, degraded } = ingested;
      return c.json({ ...renderDocument(row), status, embedded, degraded }, status === "created" ? 201 : 200);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/collections/{id}/documents",
      summary: "List a collection's documents",
      security,
      middleware: requireScope("collections:read"),
      request: { params: collectionId, query: pageQuery },
      responses: { 200: jsonResponse(pageOf(document)), ...errorResponses },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const { limit, after } = c.req.valid("query");
      return govern(c, { action: "GET /v1/collections/{id}/documents", target: id }, async () => {
        await requireCollection(c, id);
        const rows = await c.var.services.collections.listDocuments(c.var.principal.projectId, id, {
          limit: limit + 1,
          after: after ?? null,
        });
        return { result: c.json(toPage({ rows, limit, cursorOf: (row) => row.id, render: renderDocument }), 200) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/collections/{id}/documents/{documentId}",
      summary: "One document",
      security,
      middleware: requireScope("collections:read"),
      request: { params: documentId },
      responses: { 200: jsonResponse(document), ...errorResponses },
    }),
    async (c) => {
      const params = c.req.valid("param");
      return govern(
        c,
        { action: "GET /v1/collections/{id}/documents/{documentId}", target: params.documentId },
        async () => {
          const row = await c.var.services.collections.findDocument(
            c.var.principal.projectId,
            params.id,
            params.documentId,
          );
          if (row === null) throw noSuchDocument();
          return { result: c.json(renderDocument(row), 200) };
        },
      );
    },
  );

  app.openapi(
    createRoute({
      method: "delete",
      path: "/v1/collections/{id}/documents/{documentId}",
      summary: "Delete a document; no search finds it when this returns",
      security,
      middleware: requireScope("collections:write"),
      request: { params: documentId },
      responses: {
        200: jsonResponse(z.object({ id: z.string(), object: z.literal("document"), deleted: z.literal(true) })),
        ...errorResponses,
      },
    }),
    async (c) => {
      const params = c.req.valid("param");
      const id = params.documentId;
      return govern(c, { action: "DELETE /v1/collections/{id}/documents/{documentId}", target: id }, async () => {
        const { services, principal } = c.var;
        if ((await services.collections.findDocument(principal.projectId, params.id, id)) === null)
          throw noSuchDocument();
        const { vectors, indexOf } = services.ingestion;
        await removeDocument({ collection: indexOf(principal.projectId, params.id), vectors }, id);
        const record = changeIn(c, { action: "document.delete", target: id, detail: { collection: params.id } });
        await services.collections.deleteDocument(principal.projectId, params.id, id, record);
        await services.collectorOf(principal.projectId).drainPending();
        return { result: c.json({ id, object: "document" as const, deleted: true as const }, 200) };
      });
    },
  );
}

async function requireCollection(c: AppContext, id: string): Promise<void> {
  const { services, principal } = c.var;
  if ((await services.collections.findCollection(principal.projectId, id)) === null) throw noSuchCollection("id");
}

function noSuchDocument(): AppError {
  return new AppError("not_found", "There is no document with this id in the collection.", { param: "documentId" });
}

function firstHeading(text: string): string | null {
  return /^#{1,6}[ \t]+(\S.{0,298})$/m.exec(text)?.[1]?.trim() ?? null;
}

function renderDocument(row: DocumentRow): z.infer<typeof document> {
  return {
    object: "document",
    id: row.id,
    collection_id: row.collectionId,
    external_id: row.externalId,
    title: row.title,
    content_type: row.contentType,
    content_hash: row.contentHash,
    characters: row.characters,
    chunks: row.chunks,
    created_at_ms: row.createdAtMs,
    updated_at_ms: row.updatedAtMs,
  };
}
