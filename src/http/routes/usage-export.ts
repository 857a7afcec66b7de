import { createRoute, z } from "@hono/zod-openapi";
import type { UsageDimension } from "../../db/usage-dimensions.ts";
import type { GroupCursor, UsageStore } from "../../db/usage-store.ts";
import type { App } from "../context.ts";
import { csvLine } from "../csv.ts";
import { govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { errorResponses, security } from "./openapi.ts";
import { groupBy, parseDimensions, readSpan, usageSpanQuery, type AskedSpan } from "./usage-query.ts";
import { cursorAfter, renderSums } from "./usage.ts";

/** Read from the database at once; the next page waits until the client has taken this one. */
const pageRows = 1_000;

type Line = Record<string, string | number | boolean | null>;
type Page = { lines: Line[]; next: (() => Promise<Page>) | null };

const sumColumns = [
  "calls",
  "failed_calls",
  "input_tokens",
  "cached_input_tokens",
  "cache_write_input_tokens",
  "output_tokens",
  "reasoning_tokens",
  "cost_micros",
  "estimated_calls",
  "last_at_ms",
];

const callColumns = [
  "id",
  "at",
  "key",
  "subject",
  "trace_id",
  "operation",
  "provider",
  "model",
  "tier",
  "feature",
  "task",
  "agent",
  "prompt",
  "prompt_version",
  "input_tokens",
  "cached_input_tokens",
  "cache_write_input_tokens",
  "output_tokens",
  "reasoning_tokens",
  "cost_micros",
  "estimated",
  "duration_ms",
  "outcome",
];

const file = { schema: z.string() };

/** `/v1/usage/export`: the calls of a span, or their groups, as a file for billing. It is streamed: its size does not matter. */
export function registerUsageExportRoute(app: App): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/usage/export",
      summary: "Usage as CSV or JSON lines: every call, oldest first, or groups, dearest first",
      security,
      middleware: requireScope("usage:read"),
      request: {
        query: usageSpanQuery.extend({
          format: z.enum(["csv", "jsonl"]).default("csv"),
          group_by: groupBy.optional(),
        }),
      },
      responses: {
        200: { description: "The file", content: { "text/csv": file, "application/jsonl": file } },
        ...errorResponses,
      },
    }),
    async (c) => {
      const { format, group_by: asked, ...query } = c.req.valid("query");
      return govern(c, { action: "GET /v1/usage/export" }, async () => {
        const { services, principal } = c.var;
        const dimensions = asked === undefined ? null : parseDimensions(asked);
        const span = await readSpan(query, c);
        await services.freshen(principal);
        const source = { usage: services.usage, projectId: principal.projectId, span };
        // The first page before the answer begins: a database out of reach is still an error with a status.
        const first = await (dimensions === null ? readCalls(source, null) : readGroups(source, dimensions, null));
        const columns = dimensions === null ? callColumns : [...dimensions, ...sumColumns];
        const response = new Response(streamFile(first, format === "csv" ? csvRenderer(columns) : jsonLines), {
          headers: {
            "content-type": format === "csv" ? "text/csv; charset=utf-8; header=present" : "application/jsonl",
            "content-disposition": `attachment; filename="usage-${span.from.slice(0, 10)}-${span.to.slice(0, 10)}.${format}"`,
          },
        });
        return { result: response };
      });
    },
  );
}

interface Source {
  usage: UsageStore;
  projectId: string;
  span: AskedSpan;
}

async function readCalls(source: Source, after: { atMs: number; id: string } | null): Promise<Page> {
  const rows = await source.usage.listUsage(source.projectId, { ...source.span, limit: pageRows, after });
  const last = rows[rows.length - 1];
  return {
    lines: rows.map((row) => ({
      id: row.id,
      at: new Date(row.atMs).toISOString(),
      key: row.keyId,
      subject: row.subjectId,
      trace_id: row.traceId,
      operation: row.operation,
      provider: row.provider,
      model: row.model,
      tier: row.tier,
      feature: row.feature,
      task: row.task,
      agent: row.agent,
      prompt: row.promptName,
      prompt_version: row.promptVersion,
      input_tokens: row.inputTokens,
      cached_input_tokens: row.cachedInputTokens,
      cache_write_input_tokens: row.cacheWriteInputTokens,
      output_tokens: row.outputTokens,
      reasoning_tokens: row.reasoningTokens,
      cost_micros: row.costMicros,
      estimated: row.estimated,
      duration_ms: row.durationMs,
      outcome: row.outcome,
    })),
    next: last === undefined || rows.length < pageRows ? null : () => readCalls(source, last),
  };
}

async function readGroups(source: Source, groupBy: UsageDimension[], after: GroupCursor | null): Promise<Page> {
  const groups = await source.usage.summariseUsage(source.projectId, {
    ...source.span,
    groupBy,
    limit: pageRows,
    after,
  });
  const last = groups[groups.length - 1];
  return {
    lines: groups.map((group) => ({ ...group.group, ...renderSums(group) })),
    next:
      last === undefined || groups.length < pageRows
        ? null
        : () => readGroups(source, groupBy, cursorAfter(last, groupBy)),
  };
}

type Renderer = { head: string; line: (line: Line) => string };

const jsonLines: Renderer = { head: "", line: (line) => `${JSON.stringify(line)}\n` };

function csvRenderer(columns: string[]): Renderer {
  return { head: csvLine(columns), line: (line) => csvLine(columns.map((column) => line[column] ?? null)) };
}

/** Page by page, as the client takes them. A failure midway breaks the transfer off: a short file is never taken for a whole one. */
function streamFile(first: Page, { head, line }: Renderer): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const render = (page: Page) => encoder.encode(page.lines.map(line).join(""));
  let next = first.next;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(head + first.lines.map(line).join("")));
        if (next === null) controller.close();
      },
      async pull(controller) {
        if (next === null) return;
        const page = await next();
        next = page.next;
        if (page.lines.length > 0) controller.enqueue(render(page));
        if (next === null) controller.close();
      },
    },
    { highWaterMark: 1 },
  );
}
