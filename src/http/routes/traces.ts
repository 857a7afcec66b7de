import { createRoute, z } from "@hono/zod-openapi";
import { AppError } from "../../core/errors.ts";
import type { TraceRecord } from "../../core/records.ts";
import type { App, AppContext } from "../context.ts";
import { govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { errorResponses, jsonResponse, security } from "./openapi.ts";

const span = z.object({
  span_id: z.string(),
  parent_span_id: z.string().nullable(),
  name: z.string(),
  kind: z.enum(["server", "client", "internal"]),
  start_ms: z.int(),
  end_ms: z.int(),
  status: z.enum(["ok", "error"]),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
});
const traceBody = z
  .object({
    object: z.literal("trace"),
    id: z.string(),
    subject_id: z.string(),
    start_ms: z.int(),
    end_ms: z.int(),
    spans: z.array(span),
  })
  .meta({ id: "Trace" });

const traceId = z.object({ id: z.string().regex(/^[0-9a-f]{32}$/, "is not a trace id") });

/** `/v1/traces/{id}`: what happened in a request, and, apart and with its own scope, what was said. */
export function registerTraceRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/traces/{id}",
      summary: "A request's spans, with OpenTelemetry's GenAI attributes",
      security,
      middleware: requireScope("traces:read"),
      request: { params: traceId },
      responses: { 200: jsonResponse(traceBody), ...errorResponses },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      return govern(c, { action: "GET /v1/traces/{id}", target: id }, async () => {
        const trace = await findTrace(c, id);
        const spans = trace.spans.map((row) => ({
          span_id: row.spanId,
          parent_span_id: row.parentSpanId,
          name: row.name,
          kind: row.kind,
          start_ms: row.startMs,
          end_ms: row.endMs,
          status: row.status,
          attributes: row.attributes,
        }));
        const body = {
          object: "trace" as const,
          id,
          subject_id: trace.subjectId,
          start_ms: trace.startMs,
          end_ms: trace.endMs,
          spans,
        };
        return { result: c.json(body, 200) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/traces/{id}/content",
      summary: "What was asked and answered, from the encrypted store",
      security,
      middleware: requireScope("content:read"),
      request: { params: traceId },
      responses: {
        200: jsonResponse(
          z.object({ object: z.literal("content"), trace_id: z.string(), request: z.unknown(), response: z.unknown() }),
        ),
        ...errorResponses,
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      return govern(c, { action: "GET /v1/traces/{id}/content", target: id }, async () => {
        const { services, principal } = c.var;
        const trace = await findTrace(c, id);
        const contentKey = await services.meterOf({ ...principal, subjectId: trace.subjectId }).contentKey();
        const content = await services.content.read({
          projectId: principal.projectId,
          traceId: id,
          atMs: trace.startMs,
          contentKey,
        });
        if (content === null)
          throw new AppError("not_found", "No content was kept for this trace, or its retention has passed.");
        return {
          result: c.json(
            { object: "content" as const, trace_id: id, request: content.request, response: content.response },
            200,
          ),
        };
      });
    },
  );
}

async function findTrace(c: AppContext, id: string): Promise<TraceRecord> {
  const { services, principal } = c.var;
  await services.freshen(principal);
  const trace = await services.traces.findTrace(principal.projectId, id);
  if (trace === null)
    throw new AppError("not_found", "There is no trace with this id in your project.", { param: "id" });
  return trace;
}
