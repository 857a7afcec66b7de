import { utcDay, utcMonth } from "../core/clock.ts";
import type { AdmitRequest, Bound, Settlement } from "../core/meter.ts";
import type { AuditRecord, TraceRecord, UsageRecord } from "../core/records.ts";
import type { MeterState } from "./decide-admission.ts";
import { periodsOf, type Claimant } from "./governing-limits.ts";
import { BudgetWatch } from "./budget-watch.ts";
import { SliceBook } from "./slice-book.ts";

/** What leaves for the collector: the rows of one request. */
export interface OutboxBatch {
  usage: UsageRecord[];
  audit: AuditRecord[];
  trace: TraceRecord | null;
}

interface OpenHold {
  id: string;
  atMs: number;
  leaseUntilMs: number;
  bound: Bound;
  outputTokens: number;
  draft: AdmitRequest["draft"];
  origin: HoldOrigin;
}

/** Whose limits a hold is under: a raised bound asks them again, and its settlement is told to the parents. */
export interface HoldOrigin extends Claimant {
  /** Names of the budgets above it. */
  parents: readonly string[];
}

const noOrigin: HoldOrigin = { parents: [] };

/** Schema steps only ever append. */
const schemaSteps = [
  `create table hold (id text primary key, at_ms integer not null, lease_until_ms integer not null, cost_micros integer not null,
     tokens integer not null, output_tokens integer not null default 0, draft text) without rowid`,
  `create table spend (period text primary key, micros integer not null) without rowid`,
  `create table outbox (seq integer primary key autoincrement, batch text not null)`,
  `alter table hold add column origin text`,
  SliceBook.schema,
  BudgetWatch.schema,
];

const dayMs = 86_400_000;

/** Holds leave in batches of at most this many, so that one call stays far below the limits of an RPC. */
const outboxBatchSize = 200;

/**
 * The meter's rows, with what admission reads of them kept in memory. A settled hold stays as a row without a draft until it
 * leaves the rate window, so that a restart forgets neither the window nor the spend.
 */
export class MeterLedger {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  /** The accounts with the budgets above: in step with the holds. */
  readonly slices: SliceBook;
  readonly #open = new Map<string, OpenHold>();
  #recent: { id: string; atMs: number; tokens: number }[] = [];
  #spend = new Map<string, number>();
  #reservedMicros = 0;
  /** Sum over #recent: at high limits the window is long, and admission must not walk it. */
  #recentTokens = 0;
  #contentKey: string | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#migrate();
    this.slices = new SliceBook(this.#sql);
    this.#load();
  }

  state(nowMs: number): MeterState {
    const oldest = nowMs - 60_000;
    let stale = 0;
    for (const entry of this.#recent) {
      if (entry.atMs > oldest) break;
      this.#recentTokens -= entry.tokens;
      stale += 1;
    }
    if (stale > 0) this.#recent.splice(0, stale);
    return {
      nowMs,
      recent: this.#recent,
      recentTokens: this.#recentTokens,
      spentTodayMicros: this.#spend.get(utcDay(nowMs)) ?? 0,
      spentThisMonthMicros: this.#spend.get(utcMonth(nowMs)) ?? 0,
      reservedMicros: this.#reservedMicros,
    };
  }

  /** Of a UTC day or month, as settled so far. */
  spentMicros(period: string): number {
    return this.#spend.get(period) ?? 0;
  }

  open(hold: Omit<OpenHold, "outputTokens">): void {
    this.#sql.exec(
      "insert into hold (id, at_ms, lease_until_ms, cost_micros, tokens, draft, origin) values (?, ?, ?, ?, ?, ?, ?)",
      hold.id,
      hold.atMs,
      hold.leaseUntilMs,
      hold.bound.costMicros,
      hold.bound.tokens,
      JSON.stringify(hold.draft),
      hold.origin.parents.length === 0 && hold.origin.actsForAnother !== true ? null : JSON.stringify(hold.origin),
    );
    const opened = { ...hold, outputTokens: 0 };
    this.#open.set(hold.id, opened);
    this.#recent.push({ id: hold.id, atMs: hold.atMs, tokens: hold.bound.tokens });
    this.#recentTokens += hold.bound.tokens;
    this.#reserve(opened, hold.bound.costMicros);
  }

  findOpen(id: string): OpenHold | null {
    return this.#open.get(id) ?? null;
  }

  rebound(id: string, bound: Bound): void {
    const hold = this.#open.get(id);
    if (hold === undefined) return;
    this.#sql.exec("update hold set cost_micros = ?, tokens = ? where id = ?", bound.costMicros, bound.tokens, id);
    this.#reserve(hold, bound.costMicros - hold.bound.costMicros);
    hold.bound = bound;
    this.#countTokens(id, bound.tokens);
  }

  renew(id: string, leaseUntilMs: number, outputTokens: number): void {
    const hold = this.#open.get(id);
    if (hold === undefined) return;
    hold.leaseUntilMs = leaseUntilMs;
    hold.outputTokens = outputTokens;
    this.#sql.exec(
      "update hold set lease_until_ms = ?, output_tokens = ? where id = ?",
      leaseUntilMs,
      outputTokens,
      id,
    );
  }

  /** `null` when there is no such hold, or no longer. */
  settle(id: string, settlement: Settlement): OpenHold | null {
    const hold = this.#open.get(id);
    if (hold === undefined) return null;
    const { usage, audit, trace, costMicros, tokens } = settlement;
    this.#close(hold, { costMicros, tokens }, { usage, audit: [audit], trace });
    return hold;
  }

  /** Nobody can say what an orphan used, so it counts as its bound. */
  settleOrphan(hold: OpenHold): void {
    const { costMicros, tokens } = hold.bound;
    const usage =
      hold.draft.usage === null
        ? []
        : [{ ...hold.draft.usage, outputTokens: hold.outputTokens, costMicros, estimated: true, outcome: "orphaned" }];
    const audit = [{ ...hold.draft.audit, costMicros, estimated: true, outcome: "orphaned" }];
    this.#close(hold, { costMicros, tokens }, { usage, audit, trace: null });
  }

  listOrphans(nowMs: number): OpenHold[] {
    return [...this.#open.values()].filter((hold) => hold.leaseUntilMs <= nowMs);
  }

  /** The earliest end of a lease, or `null` when nothing is open. */
  nextLeaseMs(): number | null {
    let nextMs: number | null = null;
    for (const hold of this.#open.values())
      nextMs = nextMs === null ? hold.leaseUntilMs : Math.min(nextMs, hold.leaseUntilMs);
    return nextMs;
  }

  readOutbox(): { seq: number; rows: OutboxBatch }[] {
    const rows = this.#sql
      .exec<{ seq: number; batch: string }>("select seq, batch from outbox order by seq limit ?", outboxBatchSize)
      .toArray();
    // Written by #close from an OutboxBatch.
    return rows.map(({ seq, batch }) => ({ seq, rows: JSON.parse(batch) as OutboxBatch }));
  }

  clearOutbox(upToSeq: number): void {
    this.#sql.exec("delete from outbox where seq <= ?", upToSeq);
  }

  /** Settled holds that left the rate window, and the spend of periods gone by. */
  prune(beforeMs: number): void {
    this.#sql.exec("delete from hold where draft is null and at_ms < ?", beforeMs);
    const day = utcDay(beforeMs);
    const month = utcMonth(beforeMs);
    this.#sql.exec(
      "delete from spend where (length(period) = 10 and period < ?) or (length(period) = 7 and period < ?)",
      day,
      month,
    );
    // A hold of yesterday may settle, and be told to its parents, today.
    this.slices.prune({ day: utcDay(beforeMs - dayMs), month: utcMonth(beforeMs - dayMs) });
  }

  contentKey(): string | null {
    this.#contentKey ??= this.#storage.kv.get<string>("content_key") ?? null;
    return this.#contentKey;
  }

  /** Keeps the first key it is given, and gives back the one it keeps: two requests may have made one at the same time. */
  keepContentKey(sealed: string): string {
    const known = this.contentKey();
    if (known !== null) return known;
    this.#storage.kv.put("content_key", sealed);
    this.#contentKey = sealed;
    return sealed;
  }

  #close(hold: OpenHold, actual: Bound, batch: OutboxBatch): void {
    const periods = periodsOf(hold.atMs);
    this.#storage.transactionSync(() => {
      this.#sql.exec(
        "update hold set draft = null, cost_micros = ?, tokens = ? where id = ?",
        actual.costMicros,
        actual.tokens,
        hold.id,
      );
      if (actual.costMicros > 0) {
        for (const period of periods) {
          this.#sql.exec(
            "insert into spend (period, micros) values (?, ?) on conflict(period) do update set micros = micros + excluded.micros",
            period,
            actual.costMicros,
          );
        }
      }
      for (const parent of hold.origin.parents) this.slices.spend(parent, periods, actual.costMicros);
      this.#sql.exec("insert into outbox (batch) values (?)", JSON.stringify(batch));
    });
    this.#open.delete(hold.id);
    this.#reserve(hold, -hold.bound.costMicros);
    for (const period of periods) this.#spend.set(period, (this.#spend.get(period) ?? 0) + actual.costMicros);
    this.#countTokens(hold.id, actual.tokens);
  }

  #reserve({ atMs, origin }: OpenHold, micros: number): void {
    this.#reservedMicros += micros;
    if (origin.parents.length === 0) return;
    const periods = periodsOf(atMs);
    for (const parent of origin.parents) this.slices.reserve(parent, periods, micros);
  }

  #countTokens(id: string, tokens: number): void {
    const entry = this.#recent.findLast((candidate) => candidate.id === id);
    if (entry === undefined) return;
    this.#recentTokens += tokens - entry.tokens;
    entry.tokens = tokens;
  }

  #migrate(): void {
    const done = this.#storage.kv.get<number>("schema") ?? 0;
    if (done === schemaSteps.length) return;
    this.#storage.transactionSync(() => {
      for (const step of schemaSteps.slice(done)) this.#sql.exec(step);
      this.#storage.kv.put("schema", schemaSteps.length);
    });
  }

  #load(): void {
    for (const { period, micros } of this.#sql.exec<{ period: string; micros: number }>(
      "select period, micros from spend",
    )) {
      this.#spend.set(period, micros);
    }
    const holds = this.#sql.exec<{
      id: string;
      at_ms: number;
      lease_until_ms: number;
      cost_micros: number;
      tokens: number;
      output_tokens: number;
      draft: string | null;
      origin: string | null;
    }>("select * from hold order by at_ms");
    for (const row of holds) {
      this.#recent.push({ id: row.id, atMs: row.at_ms, tokens: row.tokens });
      this.#recentTokens += row.tokens;
      if (row.draft === null) continue;
      const hold: OpenHold = {
        id: row.id,
        atMs: row.at_ms,
        leaseUntilMs: row.lease_until_ms,
        bound: { costMicros: row.cost_micros, tokens: row.tokens },
        outputTokens: row.output_tokens,
        // Written by open() from the request's draft.
        draft: JSON.parse(row.draft) as AdmitRequest["draft"],
        // The same.
        origin: row.origin === null ? noOrigin : (JSON.parse(row.origin) as HoldOrigin),
      };
      this.#open.set(row.id, hold);
      this.#reserve(hold, row.cost_micros);
    }
  }
}
