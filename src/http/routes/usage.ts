import { createRoute, z } from "@hono/zod-openapi";
import { AppError } from "../../core/errors.ts";
import { usageDimensions, type UsageDimension } from "../../db/usage-store.ts";
import type { App } from "../context.ts";
import { govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { errorResponses, jsonResponse, security } from "./openapi.ts";

const dayMs = 86_400_000;
const day = z.iso.date().describe("UTC, e.g. 2026-11-21");

const usageQuery = z.object({
  group_by: z
    .string()
    .default("model")
    .describe(`Any of ${usageDimensions.join(", ")}, separated by commas`),
  from: day.optional().describe("First day, UTC; 30 days ago by default"),
  to: day.optional().describe("Last day, UTC, included; today by default"),
  subject: z.string().max(256).optional(),
  key: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

const usageReport = z
  .object({
    object: z.literal("usage"),
    from: z.string(),
    to: z.string(),
    group_by: z.array(z.enum(usageDimensions)),
    data: z.array(
      z.object({
        group: z.partialRecord(z.enum(usageDimensions), z.string().nullable()),
        calls: z.int(),
        failed_calls: z.int(),
        input_tokens: z.int(),
        cached_input_tokens: z.int(),
        output_tokens: z.int(),
        reasoning_tokens: z.int(),
        cost_micros: z.int(),
        estimated_calls: z.int(),
        last_at_ms: z.int(),
      }),
    ),
  })
  .meta({ id: "UsageReport" });

/** `GET /v1/usage`: what the project's calls used and cost, grouped as asked, dearest first. */
export function registerUsageRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/usage",
      summary: "Usage and cost, grouped",
      security,
      middleware: requireScope("usage:read"),
      request: { query: usageQuery },
      responses: { 200: jsonResponse(usageReport), ...errorResponses },
    }),
    async (c) => {
      const query = c.req.valid("query");
      return govern(c, { action: "GET /v1/usage" }, async () => {
        const { services, principal } = c.var;
        const groupBy = parseDimensions(query.group_by);
        const to = query.to ?? new Date(services.clock()).toISOString().slice(0, 10);
        const from = query.from ?? new Date(Date.parse(to) - 29 * dayMs).toISOString().slice(0, 10);
        if (from > to) throw new AppError("invalid_request", "from: must not be after `to`", { param: "from" });
        await services.freshen(principal);
        const groups = await services.usage.summariseUsage(principal.projectId, {
          groupBy,
          fromMs: Date.parse(from),
          toMs: Date.parse(to) + dayMs,
          subjectId:
            query.subject === undefined
              ? null
              : await services.secretKeys.subjectId(principal.projectId, query.subject),
          keyId: query.key ?? null,
          limit: query.limit,
        });
        const data = groups.map((group) => ({
          group: group.group,
          calls: group.calls,
          failed_calls: group.failedCalls,
          input_tokens: group.inputTokens,
          cached_input_tokens: group.cachedInputTokens,
          output_tokens: group.outputTokens,
          reasoning_tokens: group.reasoningTokens,
          cost_micros: group.costMicros,
          estimated_calls: group.estimatedCalls,
          last_at_ms: group.lastAtMs,
        }));
        return { result: c.json({ object: "usage" as const, from, to, group_by: groupBy, data }, 200) };
      });
    },
  );
}

function parseDimensions(text: string): UsageDimension[] {
  const names = [...new Set(text.split(",").map((name) => name.trim()))];
  const parsed = z.array(z.enum(usageDimensions)).min(1).safeParse(names);
  if (parsed.success) return parsed.data;
  throw new AppError("invalid_request", `group_by: must be any of ${usageDimensions.join(", ")}, separated by commas`, {
    param: "group_by",
  });
}
