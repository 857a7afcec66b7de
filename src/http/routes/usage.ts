import { createRoute, z } from "@hono/zod-openapi";
import { AppError } from "../../core/errors.ts";
import { fromBase64Url, toBase64Url } from "../../core/hash.ts";
import { usageDimensions, type UsageDimension } from "../../db/usage-dimensions.ts";
import type { GroupCursor, UsageGroup, UsageSums } from "../../db/usage-store.ts";
import type { App } from "../context.ts";
import { changeIn, govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { errorResponses, jsonBody, jsonResponse, security } from "./openapi.ts";
import { groupBy, parseDimensions, readSpan, usageSpanQuery } from "./usage-query.ts";

const hourMs = 3_600_000;
/** A rebuild is done day by day while the caller waits. */
const maxRebuildMs = 31 * 24 * hourMs;

const usageSums = z.object({
  calls: z.int(),
  failed_calls: z.int(),
  input_tokens: z.int(),
  cached_input_tokens: z.int(),
  cache_write_input_tokens: z.int(),
  output_tokens: z.int(),
  reasoning_tokens: z.int(),
  cost_micros: z.int(),
  estimated_calls: z.int(),
  last_at_ms: z.int(),
});

const usageReport = z
  .object({
    object: z.literal("usage"),
    from: z.string(),
    to: z.string(),
    group_by: z.array(z.enum(usageDimensions)),
    totals: usageSums.describe("Over all groups, on every page"),
    data: z.array(usageSums.extend({ group: z.partialRecord(z.enum(usageDimensions), z.string().nullable()) })),
    has_more: z.boolean(),
    next: z.string().nullable(),
  })
  .meta({ id: "UsageReport" });

const wholeHour = z.iso
  .datetime()
  .refine((text) => Date.parse(text) % hourMs === 0, "must be a whole hour, e.g. 2026-11-21T08:00:00Z");
const rebuildRequest = z
  .strictObject({ from: wholeHour, to: wholeHour.describe("Not included") })
  .meta({ id: "RebuildUsageRequest" });
const rebuiltUsage = z
  .object({ object: z.literal("usage.rebuild"), from: z.string(), to: z.string(), totals: usageSums })
  .meta({ id: "RebuiltUsage" });

const read = requireScope("usage:read");

/** `/v1/usage`: what the project's calls used and cost, grouped as asked, dearest first; and the rollup behind it, made again. */
export function registerUsageRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/usage",
      summary: "Usage and cost, grouped",
      security,
      middleware: read,
      request: {
        query: usageSpanQuery.extend({
          group_by: groupBy.default("model"),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
          after: z.string().max(2048).optional().describe("`next` of the page before, of the same query"),
        }),
      },
      responses: { 200: jsonResponse(usageReport), ...errorResponses },
    }),
    async (c) => {
      const { group_by: asked, limit, after, ...query } = c.req.valid("query");
      return govern(c, { action: "GET /v1/usage" }, async () => {
        const { services, principal } = c.var;
        const dimensions = parseDimensions(asked);
        const { from, to, ...span } = await readSpan(query, c);
        const cursor = after === undefined ? null : readGroupCursor(after);
        await services.freshen(principal);
        const { groups, totals } = await services.usage.reportUsage(principal.projectId, {
          ...span,
          groupBy: dimensions,
          limit: limit + 1,
          after: cursor,
        });
        const page = groups.slice(0, limit);
        const last = page[page.length - 1];
        const hasMore = groups.length > limit;
        return {
          result: c.json(
            {
              object: "usage" as const,
              from,
              to,
              group_by: dimensions,
              totals: renderSums(totals),
              data: page.map((group) => ({ group: group.group, ...renderSums(group) })),
              has_more: hasMore,
              next: hasMore && last !== undefined ? writeGroupCursor(last, dimensions) : null,
            },
            200,
          ),
        };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/usage/rebuild",
      summary: "Make the rollup of a span again from its rows",
      description: "At most 31 days a call. Exact, and the same however often it is asked for.",
      security,
      middleware: requireScope("budgets:write"),
      request: { body: jsonBody(rebuildRequest) },
      responses: { 200: jsonResponse(rebuiltUsage), ...errorResponses },
    }),
    async (c) => {
      const { from, to } = c.req.valid("json");
      const span = { fromMs: Date.parse(from), toMs: Date.parse(to) };
      if (span.fromMs >= span.toMs)
        throw new AppError("invalid_request", "from: must be before `to`", { param: "from" });
      if (span.toMs - span.fromMs > maxRebuildMs)
        throw new AppError("invalid_request", "to: must be at most 31 days after `from`", { param: "to" });
      return govern(c, { action: "POST /v1/usage/rebuild" }, async () => {
        const { services, principal } = c.var;
        const record = changeIn(c, { action: "usage.rebuild", target: principal.projectId, detail: { from, to } });
        await services.freshen(principal);
        await services.usage.rebuildRollup(principal.projectId, span, record);
        await services.collectorOf(principal.projectId).drainPending();
        const totals = await services.usage.totalUsage(principal.projectId, { ...span, filters: {} });
        return { result: c.json({ object: "usage.rebuild" as const, from, to, totals: renderSums(totals) }, 200) };
      });
    },
  );
}

export function renderSums(sums: UsageSums): z.infer<typeof usageSums> {
  return {
    calls: sums.calls,
    failed_calls: sums.failedCalls,
    input_tokens: sums.inputTokens,
    cached_input_tokens: sums.cachedInputTokens,
    cache_write_input_tokens: sums.cacheWriteInputTokens,
    output_tokens: sums.outputTokens,
    reasoning_tokens: sums.reasoningTokens,
    cost_micros: sums.costMicros,
    estimated_calls: sums.estimatedCalls,
    last_at_ms: sums.lastAtMs,
  };
}

/** Where the page after a group begins. */
export function cursorAfter({ group, costMicros }: UsageGroup, dimensions: UsageDimension[]): GroupCursor {
  return { costMicros, values: JSON.stringify(dimensions.map((dimension) => group[dimension] ?? null)) };
}

function writeGroupCursor(group: UsageGroup, dimensions: UsageDimension[]): string {
  return toBase64Url(new TextEncoder().encode(JSON.stringify(cursorAfter(group, dimensions))));
}

const groupCursor = z.object({ costMicros: z.int(), values: z.string() });

function readGroupCursor(after: string): GroupCursor {
  try {
    const bytes = fromBase64Url(after);
    return groupCursor.parse(JSON.parse(new TextDecoder().decode(bytes ?? new Uint8Array())));
  } catch (cause) {
    throw new AppError("invalid_request", "after: is not a cursor of this report", { param: "after", cause });
  }
}
