import { DurableObject } from "cloudflare:workers";
import { chainAfter, genesis } from "../audit/chain.ts";
import type { ChainedRecord, ChainHead } from "../core/chain.ts";
import { systemClock } from "../core/clock.ts";
import type { AuditRecord, TraceRecord, UsageRecord } from "../core/records.ts";
import { createAuditStore, type AuditStore } from "../db/audit-store.ts";
import { openDatabase } from "../db/client.ts";
import { createTraceStore, type TraceStore } from "../db/trace-store.ts";
import { createUsageStore, type UsageStore } from "../db/usage-store.ts";
import { logError } from "../telemetry/log.ts";
import type { OutboxBatch } from "./meter-ledger.ts";

const schemaSteps = [
  `create table source (name text primary key, seq integer not null) without rowid`,
  `create table waiting (seq integer primary key autoincrement, kind text not null, row text not null)`,
  `create index waiting_by_kind on waiting (kind, seq)`,
];

/** D1 gets rows this long after the first of a batch arrived. */
const flushDelayMs = 200;
const retryDelayMs = 5_000;
/** One flush takes this many rows, and its statements stay far below D1's 2 MB a parameter. */
const flushRows = 500;
const flushBytes = 800_000;
const pendingPage = 200;
/** The source name of administrative rows, which wait in D1. */
const adminSource = "d1";

type Kind = "audit" | "usage" | "trace";

/**
 * Everything a project's meters have to say passes here on its way to D1, once: each source's rows arrive numbered, so what
 * comes twice is known. Audit rows get their sequence and hash here. Named by the project's id.
 */
export class Collector extends DurableObject<Env> {
  readonly #audit: AuditStore;
  readonly #usage: UsageStore;
  readonly #traces: TraceStore;
  #flushing: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const db = openDatabase(env.DB);
    this.#audit = createAuditStore(db);
    this.#usage = createUsageStore(db);
    this.#traces = createTraceStore(db);
    const done = ctx.storage.kv.get<number>("schema") ?? 0;
    ctx.storage.transactionSync(() => {
      for (const step of schemaSteps.slice(done)) ctx.storage.sql.exec(step);
      if (done < schemaSteps.length) ctx.storage.kv.put("schema", schemaSteps.length);
    });
  }

  /** Takes a source's numbered rows; when this returns they are durable here. */
  async collect({ source, batch }: { source: string; batch: { seq: number; rows: OutboxBatch }[] }): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      const fresh = this.#freshFrom(source, batch);
      const chained = this.#chain(fresh.flatMap(({ rows }) => rows.audit));
      this.#keep("audit", chained);
      this.#keep(
        "usage",
        fresh.flatMap(({ rows }) => rows.usage),
      );
      this.#keep(
        "trace",
        fresh.flatMap(({ rows }) => (rows.trace === null ? [] : [rows.trace])),
      );
    });
    await this.#wakeBy(systemClock() + flushDelayMs);
  }

  /** Chains what administrative actions left in D1, soon. */
  async drainPending(): Promise<void> {
    await this.#wakeBy(systemClock() + 1);
  }

  /** Brings D1 up to date now, for readers that want to see what just happened; false when D1 cannot be reached. */
  async flush(): Promise<boolean> {
    try {
      await this.#flush();
      return true;
    } catch (cause) {
      logError("collector.flush_failed", { project: this.#projectId() }, cause);
      return false;
    }
  }

  /** The usage alone, for whoever must not be held up by the audit chain; throws `storage_unavailable` where it cannot be. */
  async flushUsage(): Promise<void> {
    await this.#flushKind<UsageRecord>("usage", (rows) => this.#usage.insertUsage(rows));
  }

  /** The end of the chain as this object knows it; how many of its rows are not in D1 yet; how many wait to be chained. */
  async status(): Promise<{ head: ChainHead; unwritten: number; unchained: number }> {
    const unwritten = this.ctx.storage.sql
      .exec<{ n: number }>("select count(*) n from waiting where kind = 'audit'")
      .one().n;
    return { head: this.#head(), unwritten, unchained: await this.#audit.countPending(this.#projectId()) };
  }

  override async alarm(): Promise<void> {
    if (!(await this.flush())) await this.ctx.storage.setAlarm(systemClock() + retryDelayMs);
  }

  async #flush(): Promise<void> {
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = null;
    });
    await this.#flushing;
  }

  async #flushAll(): Promise<void> {
    await this.#takePending();
    await this.#flushKind<UsageRecord>("usage", (rows) => this.#usage.insertUsage(rows));
    await this.#flushKind<TraceRecord>("trace", (rows) => this.#traces.insertTraces(rows));
    await this.#flushKind<ChainedRecord>("audit", (rows) => this.#audit.insertChained(this.#projectId(), rows));
  }

  /** Kinds apart: a chain that somebody has tampered with must not hold up the bill. */
  async #flushKind<Row>(kind: Kind, insert: (rows: Row[]) => Promise<void>): Promise<void> {
    for (let rows = this.#readWaiting(kind); rows.length > 0; rows = this.#readWaiting(kind)) {
      // Each was written by #keep from a row of its kind.
      await insert(rows.map((row) => JSON.parse(row.row) as Row));
      this.ctx.storage.sql.exec(
        "delete from waiting where kind = ? and seq <= ?",
        kind,
        rows[rows.length - 1]?.seq ?? 0,
      );
    }
  }

  async #takePending(): Promise<void> {
    for (;;) {
      const pending = await this.#audit.readPending(this.#projectId(), pendingPage);
      if (pending.length === 0) return;
      const batch = pending.map(({ seq, record }) => ({ seq, rows: { audit: [record], usage: [], trace: null } }));
      this.ctx.storage.transactionSync(() => {
        this.#keep("audit", this.#chain(this.#freshFrom(adminSource, batch).flatMap(({ rows }) => rows.audit)));
      });
      await this.#audit.deletePending(this.#projectId(), pending[pending.length - 1]?.seq ?? 0);
    }
  }

  #freshFrom(source: string, batch: { seq: number; rows: OutboxBatch }[]): { seq: number; rows: OutboxBatch }[] {
    const known =
      this.ctx.storage.sql.exec<{ seq: number }>("select seq from source where name = ?", source).toArray()[0]?.seq ??
      0;
    const fresh = batch.filter(({ seq }) => seq > known);
    const last = fresh[fresh.length - 1];
    if (last !== undefined) {
      this.ctx.storage.sql.exec(
        "insert into source (name, seq) values (?, ?) on conflict(name) do update set seq = excluded.seq",
        source,
        last.seq,
      );
    }
    return fresh;
  }

  #chain(records: AuditRecord[]): ChainedRecord[] {
    let head = this.#head();
    const chained = records.map((record) => {
      const entry = chainAfter(head, record);
      head = { seq: entry.seq, hash: entry.hash };
      return entry;
    });
    if (chained.length > 0) this.ctx.storage.kv.put("head", head);
    return chained;
  }

  #head(): ChainHead {
    return this.ctx.storage.kv.get<ChainHead>("head") ?? genesis;
  }

  #keep(kind: Kind, rows: object[]): void {
    for (const row of rows)
      this.ctx.storage.sql.exec("insert into waiting (kind, row) values (?, ?)", kind, JSON.stringify(row));
  }

  #readWaiting(kind: Kind): { seq: number; row: string }[] {
    const rows: { seq: number; row: string }[] = [];
    let bytes = 0;
    const cursor = this.ctx.storage.sql.exec<{ seq: number; row: string }>(
      "select seq, row from waiting where kind = ? order by seq limit ?",
      kind,
      flushRows,
    );
    for (const row of cursor) {
      bytes += row.row.length;
      if (rows.length > 0 && bytes > flushBytes) break;
      rows.push(row);
    }
    return rows;
  }

  async #wakeBy(timeMs: number): Promise<void> {
    const current = await this.ctx.storage.getAlarm();
    if (current === null || current > timeMs) await this.ctx.storage.setAlarm(timeMs);
  }

  #projectId(): string {
    return this.ctx.id.name ?? "";
  }
}
