import type { BudgetRow } from "../db/budget-store.ts";
import { logError } from "../telemetry/log.ts";
import { reachedThresholds } from "./budget-thresholds.ts";
import { WebhookOutbox } from "./webhook-outbox.ts";
import type { SendWebhook } from "./send-webhook.ts";

/** Spending that comes in is looked at this much later, together with what follows it. */
const checkDelayMs = 500;
/** With D1 out of reach it is looked at again after this. */
const retryDelayMs = 10_000;
/** How long it is believed that a budget has no webhook: a change of a budget holds everywhere within 10 s. */
const unheardMs = 5_000;

interface Watched {
  /** The budgets that this object keeps the spending of. */
  listBudgets: (nowMs: number) => Promise<BudgetRow[]>;
  spentMicros: (period: string) => number;
  send: SendWebhook;
  /** Asks for the object's alarm, no later than then. */
  wakeBy: (timeMs: number) => Promise<void>;
}

/**
 * Tells a budget's webhook of its thresholds, from its object's alarm: no request waits for it. It compares what is spent, not
 * what changed, so that an object that died between spending and telling tells after all.
 */
export class BudgetWatch {
  /** For the owner to create. */
  static readonly schema = WebhookOutbox.schema;

  readonly #watched: Watched;
  readonly #outbox: WebhookOutbox;
  #unheardUntilMs = 0;

  constructor(storage: DurableObjectStorage, watched: Watched) {
    this.#watched = watched;
    this.#outbox = new WebhookOutbox(storage, { send: watched.send });
  }

  /** For an object that has no alarm of its own at every settlement: something was spent. */
  async noteSpending(nowMs: number): Promise<void> {
    if (nowMs >= this.#unheardUntilMs) await this.#watched.wakeBy(nowMs + checkDelayMs);
  }

  /** Every alarm of the object comes by here. Returns without waiting for receivers; asks for the next alarm itself. */
  async check(nowMs: number): Promise<void> {
    try {
      await this.#compare(nowMs);
    } catch (cause) {
      logError("budget.watch_failed", {}, cause);
      await this.#watched.wakeBy(nowMs + retryDelayMs);
    }
    const delivering = this.#outbox.deliver(nowMs);
    await this.#wakeForNext();
    delivering.then(() => this.#wakeForNext()).catch((cause: unknown) => logError("webhook.deliver_failed", {}, cause));
  }

  async #compare(nowMs: number): Promise<void> {
    const heard = (await this.#watched.listBudgets(nowMs)).filter(({ webhookUrl }) => webhookUrl !== null);
    if (heard.length === 0) this.#unheardUntilMs = nowMs + unheardMs;
    for (const row of heard)
      for (const event of reachedThresholds(row, this.#watched.spentMicros, nowMs)) this.#outbox.enqueue(event, nowMs);
  }

  async #wakeForNext(): Promise<void> {
    const nextMs = this.#outbox.nextAttemptMs();
    if (nextMs !== null) await this.#watched.wakeBy(nextMs);
  }
}
