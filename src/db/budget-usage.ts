import { nextUtcDayMs, nextUtcMonthMs } from "../core/clock.ts";
import type { BudgetStore, BudgetTarget } from "./budget-store.ts";
import type { UsageFilters } from "./usage-dimensions.ts";

/** The calls that a budget counts. */
export async function filtersOfBudget(
  projectId: string,
  { kind, target }: BudgetTarget,
  budgets: Pick<BudgetStore, "listKeysOfRoot">,
): Promise<UsageFilters> {
  switch (kind) {
    case "project":
      return {};
    case "key":
      return { keyIds: await budgets.listKeysOfRoot(projectId, target) };
    case "feature":
      return { feature: target };
    case "subject":
      return { subjectId: target };
  }
}

/** A UTC day (`2026-11-21`) or month (`2026-11`) as a span of time; `toMs` is exclusive. */
export function spanOfPeriod(period: string): { fromMs: number; toMs: number } {
  const isDay = period.length === 10;
  const fromMs = Date.parse(isDay ? period : `${period}-01`);
  return { fromMs, toMs: isDay ? nextUtcDayMs(fromMs) : nextUtcMonthMs(fromMs) };
}
