import { z } from "@hono/zod-openapi";
import { AppError } from "../../core/errors.ts";
import { usageDimensions, type UsageDimension, type UsageFilters } from "../../db/usage-dimensions.ts";
import type { UsageSpan } from "../../db/usage-store.ts";
import type { AppContext } from "../context.ts";

const dayMs = 86_400_000;
const defaultDays = 30;
const moment = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);
const label = z.string().min(1).max(64).optional();

/** The query of everything that reads usage. */
export const usageSpanQuery = z.strictObject({
  from: moment.optional().describe("UTC day, or a time (ISO 8601). 30 days ago by default"),
  to: moment.optional().describe("UTC day, which is included, or a time, which is not. Today by default"),
  model: z.string().min(1).max(256).optional().describe("`provider/model`"),
  provider: label,
  feature: label,
  task: label,
  agent: label,
  prompt: z.string().min(1).max(128).optional().describe("A prompt's name, or `name@version`"),
  subject: z.string().min(1).max(256).optional().describe("The end user, by the name your calls give"),
  user: z.string().min(1).max(256).optional().describe("The same as `subject`"),
  key: label.describe("`key_…`"),
});

export const groupBy = z
  .string()
  .max(200)
  .describe(`Any of ${usageDimensions.join(", ")}, separated by commas`);

export interface AskedSpan extends UsageSpan {
  /** As they were asked for, or their defaults. */
  from: string;
  to: string;
}

/** The calls that a query means. Subjects are looked up by their id: rows know no names. */
export async function readSpan(query: z.infer<typeof usageSpanQuery>, c: AppContext): Promise<AskedSpan> {
  const { services, principal } = c.var;
  const { subject, user, key } = query;
  if (subject !== undefined && user !== undefined)
    throw new AppError("invalid_request", "user: is the same as `subject`; send one of them", { param: "user" });
  const name = subject ?? user;
  const to = query.to ?? new Date(services.clock()).toISOString().slice(0, 10);
  const from =
    query.from ??
    new Date(Date.parse(to) - (isDay(to) ? defaultDays - 1 : defaultDays) * dayMs).toISOString().slice(0, 10);
  const fromMs = Date.parse(from);
  const toMs = Date.parse(to) + (isDay(to) ? dayMs : 0);
  if (fromMs >= toMs) throw new AppError("invalid_request", "from: must be before `to`", { param: "from" });
  const filters: UsageFilters = {
    ...Object.fromEntries(
      (["model", "provider", "feature", "task", "agent", "prompt"] as const).flatMap((filter) =>
        query[filter] === undefined ? [] : [[filter, query[filter]]],
      ),
    ),
    ...(name === undefined ? {} : { subjectId: await services.secretKeys.subjectId(principal.projectId, name) }),
    ...(key === undefined ? {} : { keyIds: [key] }),
  };
  return { from, to, fromMs, toMs, filters };
}

export function parseDimensions(text: string): UsageDimension[] {
  const names = [...new Set(text.split(",").map((name) => name.trim()))];
  const parsed = z.array(z.enum(usageDimensions)).min(1).safeParse(names);
  if (parsed.success) return parsed.data;
  throw new AppError("invalid_request", `group_by: must be any of ${usageDimensions.join(", ")}, separated by commas`, {
    param: "group_by",
  });
}

function isDay(text: string): boolean {
  return text.length === "2026-11-21".length;
}
