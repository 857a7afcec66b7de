import type { AccountGrant, AccountReport, MoneyNeed } from "./allowance-contract.ts";
import { applyReport, emptyAccount, heldMicros, sizeSlice, type SliceAccount } from "./slice-arithmetic.ts";

interface Period {
  heldMicros: number;
  spentMicros: number;
  accounts: Map<string, SliceAccount>;
}

/** Keeps what was spent before the budget was set, beside the children: their names hold a slash. */
const earlier = "earlier";

/** A parent's accounts with its children: rows in SQLite, sums in memory. The table is the owner's to create. */
export class MoneyBook {
  static readonly schema = `create table account (period text not null, child text not null, granted integer not null, returned integer not null,
     spent integer not null, primary key (period, child)) without rowid`;

  readonly #sql: SqlStorage;
  readonly #periods = new Map<string, Period>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    for (const row of sql.exec<{ period: string; child: string; granted: number; returned: number; spent: number }>(
      "select * from account",
    )) {
      const account = { grantedMicros: row.granted, returnedMicros: row.returned, spentMicros: row.spent };
      this.#keep(row.period, row.child, account);
    }
  }

  /** What counts against the period's limit: spent, reserved or given out. */
  heldMicros(period: string): number {
    return this.#periods.get(period)?.heldMicros ?? 0;
  }

  spentMicros(period: string): number {
    return this.#periods.get(period)?.spentMicros ?? 0;
  }

  /** What children have told that they spent. */
  toldMicros(period: string): number {
    return this.spentMicros(period) - this.#account(period, earlier).spentMicros;
  }

  /** Counts as spent what no child tells of, in place of what was set before. */
  setEarlier(period: string, micros: number): void {
    const account = { grantedMicros: micros, returnedMicros: 0, spentMicros: micros };
    this.#write(period, earlier, this.#account(period, earlier), account);
  }

  /** Whoever drew or told something in the period. */
  listChildren(period: string): string[] {
    return [...(this.#periods.get(period)?.accounts.keys() ?? [])].filter((child) => child !== earlier);
  }

  /** True when more is spent than before. */
  apply(child: string, reports: readonly AccountReport[]): boolean {
    let isMore = false;
    for (const report of reports) {
      const before = this.#account(report.period, child);
      const after = applyReport(before, report);
      this.#write(report.period, child, before, after);
      isMore ||= after.spentMicros > before.spentMicros;
    }
    return isMore;
  }

  /** Grants in every period or in none; false where the least of a period is not there. */
  grant(child: string, needs: readonly MoneyNeed[], limitOf: (period: string) => number | null): boolean {
    const sized = needs.map((need) => {
      const limit = limitOf(need.period);
      const available = limit === null ? Infinity : limit - this.heldMicros(need.period);
      const { dueMicros: due, spareMicros: spare } = need;
      const micros =
        limit === null ? due + spare : sizeSlice({ available, due, spare, children: this.#children(need.period) });
      return { need, micros, isEnough: available >= need.leastMicros };
    });
    if (sized.some(({ isEnough }) => !isEnough)) return false;
    for (const { need, micros } of sized) {
      const before = this.#account(need.period, child);
      this.#write(need.period, child, before, { ...before, grantedMicros: before.grantedMicros + micros });
    }
    return true;
  }

  grantsOf(child: string, periods: readonly string[]): AccountGrant[] {
    return periods.map((period) => ({ period, grantedMicros: this.#account(period, child).grantedMicros }));
  }

  /** Children with unspent money in a period, the largest holdings first. */
  listHolders(period: string): { child: string; unspentMicros: number }[] {
    const holders: { child: string; unspentMicros: number }[] = [];
    for (const [child, account] of this.#periods.get(period)?.accounts ?? []) {
      const unspentMicros = heldMicros(account) - account.spentMicros;
      if (unspentMicros > 0) holders.push({ child, unspentMicros });
    }
    return holders.toSorted((one, other) => other.unspentMicros - one.unspentMicros);
  }

  /** Days and months before these are closed. */
  prune({ day, month }: { day: string; month: string }): void {
    for (const period of this.#periods.keys()) {
      if (period >= (period.length === 10 ? day : month)) continue;
      this.#sql.exec("delete from account where period = ?", period);
      this.#periods.delete(period);
    }
  }

  #account(period: string, child: string): SliceAccount {
    return this.#periods.get(period)?.accounts.get(child) ?? emptyAccount;
  }

  /** Whoever drew in the period may draw again: the remainder is shared among them all. */
  #children(period: string): number {
    const accounts = this.#periods.get(period)?.accounts;
    return accounts === undefined ? 0 : accounts.size - (accounts.has(earlier) ? 1 : 0);
  }

  #write(period: string, child: string, before: SliceAccount, after: SliceAccount): void {
    const { grantedMicros, returnedMicros, spentMicros } = after;
    if (
      grantedMicros === before.grantedMicros &&
      returnedMicros === before.returnedMicros &&
      spentMicros === before.spentMicros
    )
      return;
    this.#sql.exec(
      `insert into account (period, child, granted, returned, spent) values (?, ?, ?, ?, ?)
       on conflict (period, child) do update set granted = excluded.granted, returned = excluded.returned, spent = excluded.spent`,
      period,
      child,
      grantedMicros,
      returnedMicros,
      spentMicros,
    );
    this.#keep(period, child, after);
  }

  #keep(name: string, child: string, account: SliceAccount): void {
    let period = this.#periods.get(name);
    if (period === undefined) {
      period = { heldMicros: 0, spentMicros: 0, accounts: new Map() };
      this.#periods.set(name, period);
    }
    const before = period.accounts.get(child) ?? emptyAccount;
    period.heldMicros += heldMicros(account) - heldMicros(before);
    period.spentMicros += account.spentMicros - before.spentMicros;
    period.accounts.set(child, account);
  }
}
