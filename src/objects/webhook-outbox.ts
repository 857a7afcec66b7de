import { newId } from "../core/ids.ts";
import { logError } from "../telemetry/log.ts";
import type { BudgetEvent } from "./budget-thresholds.ts";
import type { SendWebhook } from "./send-webhook.ts";

/** The wait after each failed attempt, like the schedule that Standard Webhooks gives: nine attempts within a day and a half. */
const retryDelaysMs = [5_000, 30_000, 120_000, 600_000, 3_600_000, 10_800_000, 28_800_000, 86_400_000];
/** Up to a fifth is added, so that a receiver that comes back is not called by everybody at once. */
const jitter = 0.2;
/** An attempt under way is taken for lost after this: the object may have died with it. */
const attemptLeaseMs = 60_000;
const attemptsAtOnce = 5;
/** Events are remembered beyond the end of the longest period, so that none is told twice. */
const rememberedMs = 40 * 86_400_000;
/** The receiver wants no more of it (Standard Webhooks). */
const gone = 410;

interface Row {
  [column: string]: SqlStorageValue;
  name: string;
  id: string;
  url: string;
  body: string;
  attempts: number;
}

/**
 * Budget events on their way out of a Durable Object: each once in its storage, delivered at least once under an id that stays.
 * The table is the owner's to create, and its alarm the owner's to ring at `nextAttemptMs`.
 */
export class WebhookOutbox {
  static readonly schema = `create table webhook (name text primary key, id text not null, url text not null, body text not null,
     attempts integer not null default 0, next_attempt_ms integer, created_at_ms integer not null) without rowid`;

  readonly #sql: SqlStorage;
  readonly #send: SendWebhook;
  readonly #random: () => number;
  readonly #known: Set<string>;
  #nextAttemptMs: number | null;

  constructor(
    storage: DurableObjectStorage,
    { send, random = Math.random }: { send: SendWebhook; random?: () => number },
  ) {
    this.#sql = storage.sql;
    this.#send = send;
    this.#random = random;
    this.#known = new Set(
      this.#sql
        .exec<{ name: string }>("select name from webhook")
        .toArray()
        .map(({ name }) => name),
    );
    this.#nextAttemptMs = this.#readNextAttempt();
  }

  /** Takes an event to be delivered from now on; false when it was taken before. */
  enqueue(event: BudgetEvent, nowMs: number): boolean {
    const name = [event.budgetId, event.limit, event.period, event.thresholdPercent].join("/");
    if (this.#known.has(name)) return false;
    this.#sql.exec(
      "insert into webhook (name, id, url, body, next_attempt_ms, created_at_ms) values (?, ?, ?, ?, ?, ?)",
      name,
      newId("webhookEvent"),
      event.url,
      JSON.stringify(bodyOf(event, nowMs)),
      nowMs,
      nowMs,
    );
    this.#known.add(name);
    this.#nextAttemptMs = Math.min(this.#nextAttemptMs ?? Infinity, nowMs);
    return true;
  }

  /** Attempts what is due. What it attempts is marked before anything is awaited: a second call does not attempt it too. */
  async deliver(nowMs: number): Promise<void> {
    if (this.#nextAttemptMs === null || this.#nextAttemptMs > nowMs) return;
    const due = this.#sql
      .exec<Row>(
        "select name, id, url, body, attempts from webhook where next_attempt_ms <= ? order by next_attempt_ms limit ?",
        nowMs,
        attemptsAtOnce,
      )
      .toArray();
    for (const { name, attempts } of due) this.#schedule(name, attempts + 1, nowMs + attemptLeaseMs);
    this.#forget(nowMs - rememberedMs);
    this.#nextAttemptMs = this.#readNextAttempt();
    await Promise.all(due.map((row) => this.#attempt(row, nowMs)));
    this.#nextAttemptMs = this.#readNextAttempt();
  }

  /** When `deliver` has something to do, or `null`. */
  nextAttemptMs(): number | null {
    return this.#nextAttemptMs;
  }

  async #attempt({ name, id, url, body, attempts }: Row, nowMs: number): Promise<void> {
    const outcome = await this.#send({ id, url, body }, nowMs).catch((cause: unknown) => ({ cause }));
    if (typeof outcome === "number" && outcome >= 200 && outcome < 300) {
      this.#schedule(name, attempts + 1, null);
      return;
    }
    const delayMs = outcome === gone ? undefined : retryDelaysMs[attempts];
    const facts = { webhook: id, attempt: attempts + 1, status: typeof outcome === "number" ? outcome : 0 };
    logError(
      delayMs === undefined ? "webhook.gave_up" : "webhook.attempt_failed",
      facts,
      typeof outcome === "number" ? undefined : outcome.cause,
    );
    const nextMs = delayMs === undefined ? null : nowMs + Math.round(delayMs * (1 + jitter * this.#random()));
    this.#schedule(name, attempts + 1, nextMs);
  }

  #schedule(name: string, attempts: number, nextAttemptMs: number | null): void {
    this.#sql.exec(
      "update webhook set attempts = ?, next_attempt_ms = ? where name = ?",
      attempts,
      nextAttemptMs,
      name,
    );
  }

  #forget(beforeMs: number): void {
    const old = this.#sql
      .exec<{ name: string }>(
        "delete from webhook where next_attempt_ms is null and created_at_ms < ? returning name",
        beforeMs,
      )
      .toArray();
    for (const { name } of old) this.#known.delete(name);
  }

  #readNextAttempt(): number | null {
    return this.#sql.exec<{ at: number | null }>("select min(next_attempt_ms) at from webhook").one().at;
  }
}

/** The body as it is signed and sent: Standard Webhooks' `type`, `timestamp` and `data`. */
function bodyOf(event: BudgetEvent, nowMs: number) {
  return {
    type: "budget.threshold_reached",
    timestamp: new Date(nowMs).toISOString(),
    data: {
      budget_id: event.budgetId,
      project_id: event.projectId,
      kind: event.kind,
      target: event.target,
      limit: event.limit,
      period: event.period,
      threshold_percent: event.thresholdPercent,
      limit_micros: event.limitMicros,
      spent_micros: event.spentMicros,
    },
  };
}
