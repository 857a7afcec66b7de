import { spanOfPeriod } from "../db/budget-usage.ts";
import type { AllowanceTerms } from "./allowance-records.ts";
import type { MoneyBook } from "./money-book.ts";

/** By then all meters have heard of a new budget. */
const heardMs = 10_000;

interface Sources {
  /** Has children tell what they spent. */
  hear: (children: string[], periods: string[]) => Promise<void>;
  /** Has the rows of what children settled brought into D1; throws where that cannot be. */
  bringIn: (children: string[]) => Promise<void>;
  /** Micro-USD of a period, as D1 has it. */
  readSpent: (period: string) => Promise<number>;
  /** Something is counted that was not. */
  counted: () => void;
}

/**
 * What was spent in a period before its budget was set: no child tells of it, so it is taken from D1 before the first grant. A
 * budget that was deleted and set again is counted anew, for what was spent in between.
 */
export class EarlierSpend {
  static readonly schema = `create table counted (period text primary key, budget text not null) without rowid`;

  readonly #sql: SqlStorage;
  readonly #money: MoneyBook;
  readonly #sources: Sources;
  /** The budget's id by period. */
  readonly #counted = new Map<string, string>();
  #counting: Promise<void> | null = null;

  constructor(sql: SqlStorage, money: MoneyBook, sources: Sources) {
    this.#sql = sql;
    this.#money = money;
    this.#sources = sources;
    for (const { period, budget } of sql.exec<{ period: string; budget: string }>("select period, budget from counted"))
      this.#counted.set(period, budget);
  }

  /** Resolves once the periods' earlier spend is counted; throws where D1 cannot say. `child` has just told what it spent. */
  async count(child: string, periods: readonly string[], budget: AllowanceTerms["budget"]): Promise<void> {
    if (budget === null) return;
    // Of what children of a budget spend in a period that it was there for, they tell.
    const begun = periods.filter((period) => spanOfPeriod(period).fromMs < budget.createdAtMs + heardMs);
    for (;;) {
      const missing = begun.filter((period) => this.#counted.get(period) !== budget.id);
      if (missing.length === 0) return;
      this.#counting ??= this.#countNow(child, missing, budget.id).finally(() => {
        this.#counting = null;
      });
      await this.#counting;
    }
  }

  /** Days and months before these are closed. */
  prune({ day, month }: { day: string; month: string }): void {
    for (const period of this.#counted.keys()) {
      if (period >= (period.length === 10 ? day : month)) continue;
      this.#sql.exec("delete from counted where period = ?", period);
      this.#counted.delete(period);
    }
  }

  async #countNow(child: string, periods: string[], budgetId: string): Promise<void> {
    const others = new Set(periods.flatMap((period) => this.#money.listChildren(period)));
    others.delete(child);
    await this.#sources.hear([...others], periods);
    // Before D1 is read: what is settled meanwhile may count twice, never not at all.
    const told = new Map(periods.map((period) => [period, this.#money.toldMicros(period)]));
    await this.#sources.bringIn([child, ...others]);
    const spent = await Promise.all(periods.map((period) => this.#sources.readSpent(period)));
    for (const [index, period] of periods.entries()) {
      this.#money.setEarlier(period, Math.max(0, (spent[index] ?? 0) - (told.get(period) ?? 0)));
      this.#sql.exec(
        "insert into counted (period, budget) values (?, ?) on conflict (period) do update set budget = excluded.budget",
        period,
        budgetId,
      );
      this.#counted.set(period, budgetId);
    }
    this.#sources.counted();
  }
}
