import { utcDay, utcMonth } from "../core/clock.ts";
import type { BudgetRow } from "../db/budget-store.ts";

/** Percent of a budget at which its webhook hears. */
const thresholds = [50, 80, 100] as const;
type Threshold = (typeof thresholds)[number];

/** A budget's threshold that was reached in a period. */
export interface BudgetEvent {
  budgetId: string;
  projectId: string;
  kind: BudgetRow["kind"];
  target: string;
  url: string;
  limit: "daily_budget" | "monthly_budget";
  /** `2026-11-21` or `2026-11`, UTC. */
  period: string;
  thresholdPercent: Threshold;
  limitMicros: number;
  spentMicros: number;
}

/** A request is settled at most this long after it was admitted, and counts in the day of its admission. */
const lateMs = 15 * 60_000;

/** A limit of 0 has none. */
function thresholdsAt(spentMicros: number, limitMicros: number): Threshold[] {
  return limitMicros <= 0 ? [] : thresholds.filter((percent) => spentMicros * 100 >= percent * limitMicros);
}

/** What a budget's webhook has to hear of now, by what was spent in each period; what it heard already is in there again. */
export function reachedThresholds(
  row: BudgetRow,
  spentMicros: (period: string) => number,
  nowMs: number,
): BudgetEvent[] {
  const { webhookUrl: url } = row;
  if (url === null) return [];
  // Just after midnight the day before may still come to its end; a budget hears nothing of days before its own.
  const times = [Math.max(nowMs - lateMs, row.createdAtMs), nowMs];
  const budgets = [
    { limit: "daily_budget" as const, limitMicros: row.dailyBudgetMicros, periodOf: utcDay },
    { limit: "monthly_budget" as const, limitMicros: row.monthlyBudgetMicros, periodOf: utcMonth },
  ];
  return budgets.flatMap(({ limit, limitMicros, periodOf }) =>
    limitMicros === null
      ? []
      : [...new Set(times.map(periodOf))].flatMap((period) =>
          thresholdsAt(spentMicros(period), limitMicros).map((thresholdPercent) => ({
            budgetId: row.id,
            projectId: row.projectId,
            kind: row.kind,
            target: row.kind === "project" ? row.projectId : row.target,
            url,
            limit,
            period,
            thresholdPercent,
            limitMicros,
            spentMicros: spentMicros(period),
          })),
        ),
  );
}
