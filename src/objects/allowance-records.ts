import type { Limits } from "../core/meter.ts";
import { createBudgetStore, type BudgetRow } from "../db/budget-store.ts";
import { filtersOfBudget, spanOfPeriod } from "../db/budget-usage.ts";
import { openDatabase } from "../db/client.ts";
import { createKeyStore } from "../db/key-store.ts";
import { createUsageStore } from "../db/usage-store.ts";
import { limitsOf, noLimits, readParentName, strictest } from "./governing-limits.ts";

/** The limits of an Allowance, and its own budget: `null` where only a key's own limits stand above, which it was born with. */
export interface AllowanceTerms {
  limits: Limits;
  budget: Pick<BudgetRow, "id" | "createdAtMs"> | null;
}

/** What D1 says of the budget that the Allowance of this name keeps. */
interface AllowanceRecords {
  readTerms(): Promise<AllowanceTerms>;
  /** Its own row, or `null`: where only a key's own limits stand above. */
  readBudget(): Promise<BudgetRow | null>;
  /** What the calls that it stands above cost in a UTC day or month, in micro-USD. */
  readSpent(period: string): Promise<number>;
}

export function createAllowanceRecords(name: () => string, binding: D1Database): AllowanceRecords {
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
      return {
        limits: limits.reduce(strictest, noLimits),
        budget: row === null ? null : { id: row.id, createdAtMs: row.createdAtMs },
      };
    },
    async readSpent(period) {
      const { projectId, ...target } = readParentName(name());
      const filters = await filtersOfBudget(projectId, target, budgets);
      return (await usage.totalUsage(projectId, { ...spanOfPeriod(period), filters })).costMicros;
    },
  };
}
