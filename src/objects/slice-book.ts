import type { AccountGrant, AccountReport } from "./allowance-contract.ts";
import { emptyAccount, freeMicros, type SliceAccount } from "./slice-arithmetic.ts";

/** A meter's side of the accounts with the budgets above it: rows in SQLite, open reservations in memory. */
export class SliceBook {
  static readonly schema = `create table slice (parent text not null, period text not null, granted integer not null, returned integer not null,
     spent integer not null, primary key (parent, period)) without rowid`;

  readonly #sql: SqlStorage;
  readonly #accounts = new Map<string, Map<string, SliceAccount>>();
  readonly #reserved = new Map<string, Map<string, number>>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    for (const row of sql.exec<{ parent: string; period: string; granted: number; returned: number; spent: number }>(
      "select * from slice",
    )) {
      const account = { grantedMicros: row.granted, returnedMicros: row.returned, spentMicros: row.spent };
      mapIn(this.#accounts, row.parent).set(row.period, account);
    }
  }

  listParents(): string[] {
    return [...this.#accounts.keys()];
  }

  free(parent: string, period: string): number {
    return freeMicros(this.#account(parent, period), this.#reserved.get(parent)?.get(period) ?? 0);
  }

  reserve(parent: string, periods: readonly string[], micros: number): void {
    if (micros === 0) return;
    const reserved = mapIn(this.#reserved, parent);
    for (const period of periods) {
      const total = (reserved.get(period) ?? 0) + micros;
      if (total === 0) reserved.delete(period);
      else reserved.set(period, total);
    }
  }

  spend(parent: string, periods: readonly string[], micros: number): void {
    if (micros === 0) return;
    for (const period of periods) {
      const before = this.#account(parent, period);
      this.#write(parent, period, { ...before, spentMicros: before.spentMicros + micros });
    }
  }

  /** Takes note of all that the parent ever granted; an answer that was lost is made good by the next. */
  learn(parent: string, grants: readonly AccountGrant[]): void {
    for (const { period, grantedMicros } of grants) {
      const before = this.#account(parent, period);
      if (grantedMicros > before.grantedMicros) this.#write(parent, period, { ...before, grantedMicros });
    }
  }

  /** Lets go of all that is not reserved; it is the parent's again once the parent has heard of it. */
  giveBack(parent: string): void {
    for (const [period, before] of this.#accounts.get(parent) ?? []) {
      const micros = this.free(parent, period);
      if (micros > 0) this.#write(parent, period, { ...before, returnedMicros: before.returnedMicros + micros });
    }
  }

  hasFree(parent: string): boolean {
    for (const period of this.#accounts.get(parent)?.keys() ?? []) if (this.free(parent, period) > 0) return true;
    return false;
  }

  report(parent: string): AccountReport[] {
    const accounts = [...(this.#accounts.get(parent) ?? [])];
    return accounts.map(([period, { spentMicros, returnedMicros }]) => ({ period, spentMicros, returnedMicros }));
  }

  /** Days and months before these are closed. */
  prune({ day, month }: { day: string; month: string }): void {
    for (const [parent, accounts] of this.#accounts) {
      for (const period of accounts.keys()) {
        if (period >= (period.length === 10 ? day : month)) continue;
        this.#sql.exec("delete from slice where parent = ? and period = ?", parent, period);
        accounts.delete(period);
      }
      if (accounts.size === 0) this.#accounts.delete(parent);
    }
  }

  #account(parent: string, period: string): SliceAccount {
    return this.#accounts.get(parent)?.get(period) ?? emptyAccount;
  }

  #write(parent: string, period: string, account: SliceAccount): void {
    this.#sql.exec(
      `insert into slice (parent, period, granted, returned, spent) values (?, ?, ?, ?, ?)
       on conflict (parent, period) do update set granted = excluded.granted, returned = excluded.returned, spent = excluded.spent`,
      parent,
      period,
      account.grantedMicros,
      account.returnedMicros,
      account.spentMicros,
    );
    mapIn(this.#accounts, parent).set(period, account);
  }
}

function mapIn<Value>(outer: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  let inner = outer.get(key);
  if (inner === undefined) {
    inner = new Map();
    outer.set(key, inner);
  }
  return inner;
}
