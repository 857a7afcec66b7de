import { createRoute, z } from "@hono/zod-openapi";
import { AppError } from "../../core/errors.ts";
import { writeCursor } from "../../core/page-cursor.ts";
import type { EvalResultRow, EvalRunRow } from "../../db/eval-store.ts";
import type { App } from "../context.ts";
import { govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { errorResponses, jsonBody, jsonResponse, security } from "./openapi.ts";
import { pageOf, pageQuery, timeCursor, toPage } from "./page.ts";

const run = z
  .object({
    object: z.literal("eval.run"),
    id: z.string(),
    suite: z.string(),
    trigger: z.string(),
    status: z.string(),
    data_hash: z.string(),
    prompt_version: z.string(),
    model: z.string(),
    started_at_ms: z.int(),
    ended_at_ms: z.int().nullable(),
    total: z.int(),
    passed: z.int(),
    critical_total: z.int(),
    critical_passed: z.int(),
    gate_passed: z.boolean().nullable(),
    error: z.string().nullable(),
  })
  .meta({ id: "EvalRun" });

const result = z.object({
  case_id: z.string(),
  passed: z.boolean(),
  tags: z.array(z.string()),
  failures: z.array(z.string()),
  trace_id: z.string().nullable(),
  model: z.string().nullable(),
  cost_micros: z.int(),
  duration_ms: z.int(),
});

const manage = requireScope("evals:run");

/** `/v1/evals/runs`: start a suite, follow it, read what came of it. The cron trigger starts the same runs at night. */
export function registerEvalRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/evals/runs",
      summary: "Run an eval suite",
      security,
      middleware: manage,
      request: {
        body: jsonBody(z.strictObject({ suite: z.string().min(1).max(64) }).meta({ id: "StartEvalRequest" })),
      },
      responses: {
        202: jsonResponse(z.object({ object: z.literal("eval.run"), id: z.string() }), "Started"),
        ...errorResponses,
      },
    }),
    async (c) => {
      const { suite } = c.req.valid("json");
      return govern(c, { action: "POST /v1/evals/runs", target: suite }, async () => {
        const { services, principal } = c.var;
        const started = await services.evalRunnerOf(principal.projectId).start({ suite, trigger: "api" });
        if (!started.started) throw new AppError(started.code, started.message, { param: "suite" });
        return { result: c.json({ object: "eval.run" as const, id: started.runId }, 202) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/evals/runs",
      summary: "List eval runs, newest first",
      security,
      middleware: manage,
      request: { query: pageQuery },
      responses: { 200: jsonResponse(pageOf(run)), ...errorResponses },
    }),
    async (c) => {
      const { limit, after } = c.req.valid("query");
      return govern(c, { action: "GET /v1/evals/runs" }, async () => {
        const before = timeCursor(after);
        const rows = await c.var.services.evals.listRuns(c.var.principal.projectId, { limit: limit + 1, before });
        return {
          result: c.json(
            toPage({
              rows,
              limit,
              cursorOf: (row) => writeCursor({ atMs: row.startedAtMs, id: row.id }),
              render: renderRun,
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
      path: "/v1/evals/runs/{id}",
      summary: "One eval run with the result of each case so far",
      security,
      middleware: manage,
      request: { params: z.object({ id: z.string().regex(/^evr_[a-z0-9]{16}$/, "is not an eval run's id") }) },
      responses: { 200: jsonResponse(run.extend({ results: z.array(result) })), ...errorResponses },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      return govern(c, { action: "GET /v1/evals/runs/{id}", target: id }, async () => {
        const { services, principal } = c.var;
        const row = await services.evals.findRun(principal.projectId, id);
        if (row === null)
          throw new AppError("not_found", "There is no eval run with this id in your project.", { param: "id" });
        const results = await services.evals.listResults(id);
        return { result: c.json({ ...renderRun(row), results: results.map(renderResult) }, 200) };
      });
    },
  );
}

function renderRun(row: EvalRunRow): z.infer<typeof run> {
  return {
    object: "eval.run",
    id: row.id,
    suite: row.suite,
    trigger: row.trigger,
    status: row.status,
    data_hash: row.dataHash,
    prompt_version: row.promptVersion,
    model: row.model,
    started_at_ms: row.startedAtMs,
    ended_at_ms: row.endedAtMs,
    total: row.total,
    passed: row.passed,
    critical_total: row.criticalTotal,
    critical_passed: row.criticalPassed,
    gate_passed: row.gatePassed,
    error: row.error,
  };
}

function renderResult(row: EvalResultRow): z.infer<typeof result> {
  return {
    case_id: row.caseId,
    passed: row.passed,
    tags: row.tags,
    failures: row.failures,
    trace_id: row.traceId,
    model: row.model,
    cost_micros: row.costMicros,
    duration_ms: row.durationMs,
  };
}
