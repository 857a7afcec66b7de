import type { Limits } from "../core/meter.ts";
import { createSecretKeys } from "../core/secret-keys.ts";
import { createBudgetStore, type BudgetRow } from "../db/budget-store.ts";
import { filtersOfBudget, spanOfPeriod } from "../db/budget-usage.ts";
import { openDatabase } from "../db/client.ts";
import { createKeyStore } from "../db/key-store.ts";
import { createUsageStore } from "../db/usage-store.ts";
import { limitsOf, noLimits, readParentName, strictest } from "./governing-limits.ts";

/** The limits of an Allowance, and the budget that sets them: one that was deleted and set again is another. */
export interface AllowanceTerms {
  limits: Limits;
  /** Empty where only a key's own limits stand above. */
  budgetId: string;
}

/** What D1 says of the budget that the Allowance of this name keeps. */
export interface AllowanceRecords {
  readTerms(): Promise<AllowanceTerms>;
  /** Its own row, or `null`: where only a key's own limits stand above. */
  readBudget(): Promise<BudgetRow | null>;
  /** What the calls that it stands above cost in a UTC day or month, in micro-USD. */
  readSpent(period: string): Promise<number>;
}

export function createAllowanceRecords(
  name: () => string,
  { binding, secret }: { binding: D1Database; secret: string },
): AllowanceRecords {
  const db = openDatabase(binding);
  const budgets = createBudgetStore(db);
  const keys = createKeyStore(db);
  const usage = createUsageStore(db);

  const readBudget = () => {
    const { projectId, ...target } = readParentName(name());
    return budgets.findBudget(projectId, target);
  };

  return {
    readBudget,
    async readTerms() {
      const { projectId, kind, target } = readParentName(name());
      const row = await readBudget();
      const key = kind === "key" ? await keys.findNewestOfRoot(projectId, target) : null;
      const limits = [row, key].filter((one) => one !== null).map(limitsOf);
      return { limits: limits.reduce(strictest, noLimits), budgetId: row?.id ?? "" };
    },
    async readSpent(period) {
      const { projectId, ...target } = readParentName(name());
      const filters = await filtersOfBudget(projectId, target, budgets);
      const span = spanOfPeriod(period);
      const { costMicros } = await usage.totalUsage(projectId, { ...span, filters });
      if (target.kind !== "key" || (await readBudget()) !== null) return costMicros;
      // A key's own limits stand above the subjects it acts for, not above itself.
      const subjectId = await (await createSecretKeys(secret)).subjectId(projectId, target.target);
      const own = await usage.totalUsage(projectId, { ...span, filters: { ...filters, subjectId } });
      return costMicros - own.costMicros;
    },
  };
}
