/** Schema steps only ever append. */
const schemaSteps = [
  `create table answer (key text primary key, body blob not null, bytes integer not null, subject_id text not null,
     kept_at_ms integer not null, expires_at_ms integer not null, used integer not null)`,
  `create index answer_by_use on answer (used)`,
  `create index answer_by_expiry on answer (expires_at_ms)`,
  `create table flight (key text primary key, token text not null, subject_id text not null, lease_until_ms integer not null)
     without rowid`,
  `create table shared (name text primary key) without rowid`,
];

/** What one reader scope may keep: the least recently used goes first. */
export const maxAnswers = 1_000;
export const maxBytes = 32 * 1024 * 1024;

interface ShelfAnswer {
  body: Uint8Array<ArrayBuffer>;
  subjectId: string;
  nowMs: number;
  expiresAtMs: number;
}

/** The rows of a response cache. Leads are rows too, so that a restart does not let two lead at once. */
export class ResponseShelf {
  readonly #sql: SqlStorage;
  /** Orders the uses within a millisecond, too. */
  #lastUse = 0;

  constructor(storage: DurableObjectStorage) {
    this.#sql = storage.sql;
    storage.transactionSync(() => {
      this.#sql.exec("create table if not exists schema_step (step integer primary key)");
      const done = Number(this.#sql.exec("select count(*) as n from schema_step").one().n);
      for (const [index, step] of schemaSteps.entries()) {
        if (index < done) continue;
        this.#sql.exec(step);
        this.#sql.exec("insert into schema_step (step) values (?)", index);
      }
    });
    this.#lastUse = Number(this.#sql.exec("select coalesce(max(used), 0) as n from answer").one().n);
  }

  /** A live answer that was kept at or after `keptSinceMs`, which counts as its use. */
  take(key: string, { nowMs, keptSinceMs }: { nowMs: number; keptSinceMs: number }): Uint8Array<ArrayBuffer> | null {
    const row = this.#sql
      .exec("select body from answer where key = ? and expires_at_ms > ? and kept_at_ms >= ?", key, nowMs, keptSinceMs)
      .toArray()[0];
    if (!(row?.body instanceof ArrayBuffer)) return null;
    this.#sql.exec("update answer set used = ? where key = ?", this.#nextUse(nowMs), key);
    return new Uint8Array(row.body);
  }

  put(key: string, { body, subjectId, nowMs, expiresAtMs }: ShelfAnswer): void {
    this.#sql.exec(
      `insert or replace into answer (key, body, bytes, subject_id, kept_at_ms, expires_at_ms, used) values (?, ?, ?, ?, ?, ?, ?)`,
      key,
      body,
      body.byteLength,
      subjectId,
      nowMs,
      expiresAtMs,
      this.#nextUse(nowMs),
    );
    this.#makeRoom();
  }

  findFlight(key: string, nowMs: number): { leaseUntilMs: number } | null {
    const row = this.#sql
      .exec("select lease_until_ms from flight where key = ? and lease_until_ms > ?", key, nowMs)
      .toArray()[0];
    return row === undefined ? null : { leaseUntilMs: Number(row.lease_until_ms) };
  }

  /** Gives the lead to a caller; whoever had it has lost it. */
  lead(key: string, subjectId: string, leaseUntilMs: number): string {
    const token = crypto.randomUUID();
    this.#sql.exec(
      "insert or replace into flight (key, token, subject_id, lease_until_ms) values (?, ?, ?, ?)",
      key,
      token,
      subjectId,
      leaseUntilMs,
    );
    return token;
  }

  renew(key: string, token: string, leaseUntilMs: number): void {
    this.#sql.exec("update flight set lease_until_ms = ? where key = ? and token = ?", leaseUntilMs, key, token);
  }

  /** Whose lead it is; `null` when it was lost. */
  findLeader(key: string, token: string): string | null {
    const row = this.#sql.exec("select subject_id from flight where key = ? and token = ?", key, token).toArray()[0];
    return row === undefined ? null : String(row.subject_id);
  }

  /** Whose lead it was; `null` when it was lost before. */
  endFlight(key: string, token: string): string | null {
    const row = this.#sql
      .exec("delete from flight where key = ? and token = ? returning subject_id", key, token)
      .toArray()[0];
    return row === undefined ? null : String(row.subject_id);
  }

  noteShared(name: string): void {
    this.#sql.exec("insert or ignore into shared (name) values (?)", name);
  }

  listShared(): string[] {
    return this.#sql
      .exec("select name from shared")
      .toArray()
      .map((row) => String(row.name));
  }

  forget(subjectId: string): void {
    this.#sql.exec("delete from answer where subject_id = ?", subjectId);
    // A lead that was lost keeps nothing: what is on its way is dropped when it comes.
    this.#sql.exec("delete from flight where subject_id = ?", subjectId);
  }

  dropShared(name: string): void {
    this.#sql.exec("delete from shared where name = ?", name);
  }

  /** All answers, and all that are on their way. */
  clear(): void {
    this.#sql.exec("delete from answer");
    this.#sql.exec("delete from flight");
  }

  /** When the next answer expires; `null` when none is left. */
  dropExpired(nowMs: number): number | null {
    this.#sql.exec("delete from answer where expires_at_ms <= ?", nowMs);
    this.#sql.exec("delete from flight where lease_until_ms <= ?", nowMs);
    const next = this.#sql.exec("select min(expires_at_ms) as next from answer").one().next;
    return typeof next === "number" ? next : null;
  }

  #makeRoom(): void {
    const { answers, bytes } = this.#sql.exec("select count(*) as answers, sum(bytes) as bytes from answer").one();
    let tooMany = Number(answers) - maxAnswers;
    let tooLarge = Number(bytes) - maxBytes;
    if (tooMany <= 0 && tooLarge <= 0) return;
    for (const row of this.#sql.exec("select key, bytes from answer order by used").toArray()) {
      if (tooMany <= 0 && tooLarge <= 0) return;
      this.#sql.exec("delete from answer where key = ?", String(row.key));
      tooMany -= 1;
      tooLarge -= Number(row.bytes);
    }
  }

  #nextUse(nowMs: number): number {
    this.#lastUse = Math.max(nowMs, this.#lastUse + 1);
    return this.#lastUse;
  }
}
