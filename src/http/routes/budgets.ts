import { createRoute, z } from "@hono/zod-openapi";
import { utcDay, utcMonth } from "../../core/clock.ts";
import { AppError } from "../../core/errors.ts";
import { newId } from "../../core/ids.ts";
import { writeCursor } from "../../core/page-cursor.ts";
import type { BudgetRow } from "../../db/budget-store.ts";
import { filtersOfBudget, spanOfPeriod } from "../../db/budget-usage.ts";
import { webhookDestinations } from "../../objects/send-webhook.ts";
import { checkDestination } from "../../outbound/guarded-fetch.ts";
import type { Services } from "../../services.ts";
import type { App, AppContext } from "../context.ts";
import { changeIn, govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { budgetKinds, budgetPath, resolveTarget, shownTarget } from "./budget-target.ts";
import { errorResponses, jsonBody, jsonResponse, security } from "./openapi.ts";
import { pageOf, pageQuery, timeCursor, toPage } from "./page.ts";

const limit = z.int().min(0).nullable();
const limits = {
  requests_per_minute: limit.default(null),
  tokens_per_minute: limit.default(null),
  daily_budget_micros: limit.default(null).describe("Micro-USD, UTC day"),
  monthly_budget_micros: limit.default(null).describe("Micro-USD, UTC month"),
};

const putBudgetRequest = z
  .strictObject({
    ...limits,
    webhook_url: z.url().max(2048).nullable().default(null).describe("Hears of 50, 80 and 100 % of a budget"),
  })
  .refine(
    (body) => Object.keys(limits).some((name) => body[name as keyof typeof limits] !== null),
    "set at least one limit, or delete the budget",
  )
  .refine(
    (body) => body.webhook_url === null || body.daily_budget_micros !== null || body.monthly_budget_micros !== null,
    {
      path: ["webhook_url"],
      message: "hears of a daily or a monthly budget: set one",
    },
  )
  .meta({ id: "PutBudgetRequest", description: "The whole budget: what is left out is no limit." });

const budget = z
  .object({
    object: z.literal("budget"),
    id: z.string(),
    project_id: z.string(),
    kind: z.enum(budgetKinds),
    target: z.string().describe("A subject shows as its id, `sub_…`: its name is not kept"),
    ...limits,
    webhook_url: z.string().nullable(),
    created_at_ms: z.int(),
    updated_at_ms: z.int(),
  })
  .meta({ id: "Budget" });

const writtenBudget = budget
  .extend({ webhook_secret: z.string().nullable().describe("`whsec_…`, the project's: verify with Standard Webhooks") })
  .meta({ id: "WrittenBudget" });

const spend = z.object({
  period: z.string().describe("`2026-11-21` or `2026-11`, UTC"),
  spent_micros: z.int(),
  left_micros: z.int().nullable().describe("null: no limit"),
});
const budgetStatus = budget
  .extend({ today: spend, this_month: spend })
  .meta({ id: "BudgetStatus", description: "With what settled requests have cost; running ones come on top." });

const write = requireScope("budgets:write");
const read = requireScope("usage:read");
const path = "/v1/budgets/{kind}/{target}";

/** `/v1/budgets`: limits of a project, a key over all its subjects, a feature, or one subject. */
export function registerBudgetRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "put",
      path,
      summary: "Set a budget: what was set before is replaced",
      security,
      middleware: write,
      request: { params: budgetPath, body: jsonBody(putBudgetRequest) },
      responses: { 200: jsonResponse(writtenBudget), ...errorResponses },
    }),
    async (c) => {
      const body = c.req.valid("json");
      const { services, principal } = c.var;
      if (body.webhook_url !== null) checkWebhook(body.webhook_url, c);
      return govern(c, { action: "PUT /v1/budgets/{kind}/{target}" }, async () => {
        const { kind, target } = await resolveTarget(c.req.valid("param"), principal.projectId, services);
        const nowMs = services.clock();
        const row: BudgetRow = {
          id: newId("budget"),
          projectId: principal.projectId,
          kind,
          target,
          requestsPerMinute: body.requests_per_minute,
          tokensPerMinute: body.tokens_per_minute,
          dailyBudgetMicros: body.daily_budget_micros,
          monthlyBudgetMicros: body.monthly_budget_micros,
          webhookUrl: body.webhook_url,
          createdAtMs: nowMs,
          updatedAtMs: nowMs,
        };
        const { webhook_url: webhookUrl, ...asked } = body;
        const record = changeIn(c, {
          action: "budget.put",
          target: `${kind}/${shownTarget(row)}`,
          // Of the address, the host alone: its path may be a secret of the receiver's.
          detail: { ...asked, webhook_host: webhookUrl === null ? null : new URL(webhookUrl).host },
        });
        const written = await services.budgets.putBudget(row, record);
        await services.collectorOf(principal.projectId).drainPending();
        const secret =
          written.webhookUrl === null ? null : await services.secretKeys.webhookSecret(principal.projectId);
        return { result: c.json({ ...renderBudget(written), webhook_secret: secret }, 200) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/budgets",
      summary: "List budgets, newest first",
      security,
      middleware: read,
      request: { query: pageQuery },
      responses: { 200: jsonResponse(pageOf(budget)), ...errorResponses },
    }),
    async (c) => {
      const { limit: pageSize, after } = c.req.valid("query");
      return govern(c, { action: "GET /v1/budgets" }, async () => {
        const before = timeCursor(after);
        const { services, principal } = c.var;
        const rows = await services.budgets.listBudgets(principal.projectId, { limit: pageSize + 1, before });
        const cursorOf = (row: BudgetRow) => writeCursor({ atMs: row.createdAtMs, id: row.id });
        return { result: c.json(toPage({ rows, limit: pageSize, cursorOf, render: renderBudget }), 200) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path,
      summary: "A budget, with what is spent and left",
      security,
      middleware: read,
      request: { params: budgetPath },
      responses: { 200: jsonResponse(budgetStatus), ...errorResponses },
    }),
    async (c) =>
      govern(c, { action: "GET /v1/budgets/{kind}/{target}" }, async () => {
        const { services, principal } = c.var;
        const target = await resolveTarget(c.req.valid("param"), principal.projectId, services);
        const row = await services.budgets.findBudget(principal.projectId, target);
        if (row === null) throw noSuchBudget();
        await services.freshen(principal);
        return { result: c.json({ ...renderBudget(row), ...(await readSpend(row, services)) }, 200) };
      }),
  );

  app.openapi(
    createRoute({
      method: "delete",
      path,
      summary: "Delete a budget: its limits no longer hold",
      security,
      middleware: write,
      request: { params: budgetPath },
      responses: {
        200: jsonResponse(
          z.object({
            object: z.literal("budget"),
            kind: z.enum(budgetKinds),
            target: z.string(),
            deleted: z.literal(true),
          }),
        ),
        ...errorResponses,
      },
    }),
    async (c) => {
      const asked = c.req.valid("param");
      return govern(c, { action: "DELETE /v1/budgets/{kind}/{target}" }, async () => {
        const { services, principal } = c.var;
        const { projectId } = principal;
        const target = await resolveTarget(asked, projectId, services);
        const shown = `${target.kind}/${target.target === "" ? projectId : target.target}`;
        const record = changeIn(c, { action: "budget.delete", target: shown, detail: {} });
        if (!(await services.budgets.deleteBudget(projectId, target, record))) throw noSuchBudget();
        await services.collectorOf(projectId).drainPending();
        return { result: c.json({ object: "budget" as const, ...asked, deleted: true as const }, 200) };
      });
    },
  );
}

/** Refused when it is set, and checked again each time something is sent. */
function checkWebhook(address: string, c: AppContext): void {
  const destinations = webhookDestinations(c.var.services.settings);
  // In development the receiver may well be this machine.
  const ownHosts = destinations.allowsLoopback
    ? destinations.ownHosts
    : [...destinations.ownHosts, new URL(c.req.url).hostname];
  try {
    checkDestination(address, { ...destinations, ownHosts });
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
    throw new AppError("invalid_request", `webhook_url: ${cause.message}`, { param: "webhook_url", cause });
  }
}

async function readSpend(row: BudgetRow, services: Services) {
  const nowMs = services.clock();
  const filters = await filtersOfBudget(row.projectId, row, services.budgets);
  const [day, month] = await Promise.all([
    services.usage.totalUsage(row.projectId, { ...spanOfPeriod(utcDay(nowMs)), filters }),
    services.usage.totalUsage(row.projectId, { ...spanOfPeriod(utcMonth(nowMs)), filters }),
  ]);
  const left = (limitMicros: number | null, spentMicros: number) =>
    limitMicros === null ? null : Math.max(0, limitMicros - spentMicros);
  return {
    today: {
      period: utcDay(nowMs),
      spent_micros: day.costMicros,
      left_micros: left(row.dailyBudgetMicros, day.costMicros),
    },
    this_month: {
      period: utcMonth(nowMs),
      spent_micros: month.costMicros,
      left_micros: left(row.monthlyBudgetMicros, month.costMicros),
    },
  };
}

function noSuchBudget(): AppError {
  return new AppError("not_found", "There is no such budget.", { param: "target" });
}

function renderBudget(row: BudgetRow): z.infer<typeof budget> {
  return {
    object: "budget",
    id: row.id,
    project_id: row.projectId,
    kind: row.kind,
    target: shownTarget(row),
    requests_per_minute: row.requestsPerMinute,
    tokens_per_minute: row.tokensPerMinute,
    daily_budget_micros: row.dailyBudgetMicros,
    monthly_budget_micros: row.monthlyBudgetMicros,
    webhook_url: row.webhookUrl,
    created_at_ms: row.createdAtMs,
    updated_at_ms: row.updatedAtMs,
  };
}
