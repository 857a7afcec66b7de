import { DurableObject } from "cloudflare:workers";
import { systemClock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type {
  AdmitRequest,
  Admission,
  Bound,
  Limits,
  Meter as MeterContract,
  Refusal,
  Settlement,
} from "../core/meter.ts";
import { createSecretKeys } from "../core/secret-keys.ts";
import { openDatabase } from "../db/client.ts";
import { createKeyStore } from "../db/key-store.ts";
import { parseSettings, type Settings } from "../env.ts";
import { logError } from "../telemetry/log.ts";
import { decideAdmission, decideTopUp, windowMs, type Decision, type MeterState } from "./decide-admission.ts";
import { KeyStandings, type KeyStanding } from "./key-standing.ts";
import { MeterLedger } from "./meter-ledger.ts";

/** Rows leave for the collector in one batch, this long after the first of them. */
const flushDelayMs = 250;
/** A collector that cannot be reached is tried again after this long. */
const retryDelayMs = 5_000;

/** Limits, budget and content key of one subject of one project: the single hop of a request. Named `project/subjectId`. */
export class Meter extends DurableObject<Env> implements MeterContract {
  readonly #ledger: MeterLedger;
  readonly #keys: KeyStandings;
  readonly #settings: Settings;
  #waiting: (() => void)[] = [];
  /** When the alarm will ring, once it was asked for; asking the storage each time costs as much as the decision. */
  #alarmAtMs: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#settings = parseSettings(env);
    this.#ledger = new MeterLedger(ctx.storage);
    const store = createKeyStore(openDatabase(env.DB));
    this.#keys = new KeyStandings(ctx.storage, (keyId) => store.findKey(this.#projectId(), keyId));
  }

  async admit(request: AdmitRequest): Promise<Admission> {
    let standing: KeyStanding | null = null;
    try {
      standing = request.keyId === null ? null : await this.#keys.standingOf(request.keyId, systemClock());
    } catch (cause) {
      if (!(cause instanceof AppError)) throw cause;
      const code = cause.code === "not_ready" ? "not_ready" : "storage_unavailable";
      return refused({ code, message: cause.message, limit: null, retryAfterMs: cause.retryAfterMs });
    }
    if (request.keyId !== null && !isLive(standing)) {
      return refused({
        code: "unauthenticated",
        message: "This API key was revoked or has expired.",
        limit: null,
        retryAfterMs: null,
      });
    }
    const contentKey = await this.#contentKey();
    const limits = this.#limits(standing);
    let leaseUntilMs = 0;
    const decision = await this.#whenAffordable(
      (state) => decideAdmission(state, request.bound, limits),
      ({ nowMs }) => {
        leaseUntilMs = nowMs + this.#settings.PARAPET_ORPHAN_AFTER_MS;
        this.#ledger.open({
          id: request.holdId,
          atMs: nowMs,
          leaseUntilMs,
          bound: request.bound,
          draft: request.draft,
        });
      },
    );
    if (!decision.admitted) return refused(decision.refusal);
    await this.#wakeBy(leaseUntilMs);
    return { admitted: true, contentKey };
  }

  async adjust(holdId: string, bound: Bound): Promise<Admission> {
    const hold = this.#ledger.findOpen(holdId);
    if (hold === null)
      return refused({
        code: "budget_exceeded",
        message: "This request took too long and was settled.",
        limit: null,
        retryAfterMs: null,
      });
    const keyId = hold.draft.audit.actor.startsWith("key_") ? hold.draft.audit.actor : null;
    const standing = keyId === null ? null : await this.#keys.standingOf(keyId, systemClock()).catch(() => null);
    const extraMicros = Math.max(0, bound.costMicros - hold.bound.costMicros);
    const limits = this.#limits(standing);
    const decision = await this.#whenAffordable(
      (state) => decideTopUp(state, extraMicros, limits),
      () => this.#ledger.rebound(holdId, bound),
    );
    if (!decision.admitted) return refused(decision.refusal);
    if (extraMicros === 0) this.#wakeWaiting();
    return { admitted: true, contentKey: await this.#contentKey() };
  }

  async report(holdId: string, outputTokens: number): Promise<void> {
    this.#ledger.renew(holdId, systemClock() + this.#settings.PARAPET_ORPHAN_AFTER_MS, outputTokens);
  }

  /** The first settlement of a hold counts; the alarm may have been faster, and then the late one is dropped. */
  async settle(holdId: string, settlement: Settlement): Promise<void> {
    this.#ledger.settle(holdId, settlement);
    this.#wakeWaiting();
    await this.#wakeBy(systemClock() + flushDelayMs);
  }

  /** The sealed key under which this subject's content is kept. */
  async contentKey(): Promise<string> {
    return this.#contentKey();
  }

  /** Hands over at once what is settled, for a reader that wants to see it. */
  async deliver(): Promise<void> {
    await this.#deliver();
  }

  override async alarm(): Promise<void> {
    this.#alarmAtMs = Infinity;
    const nowMs = systemClock();
    for (const hold of this.#ledger.listOrphans(nowMs)) this.#ledger.settleOrphan(hold);
    this.#wakeWaiting();
    const delivered = await this.#deliver();
    this.#ledger.prune(nowMs - windowMs);
    const nextMs = delivered ? this.#ledger.nextLeaseMs() : nowMs + retryDelayMs;
    if (nextMs !== null) await this.#wakeBy(Math.max(nextMs, systemClock() + 1));
  }

  /** Hands finished rows over; the collector drops what it had already. False when it could not be reached. */
  async #deliver(): Promise<boolean> {
    const collector = this.env.COLLECTOR.getByName(this.#projectId());
    try {
      for (let batch = this.#ledger.readOutbox(); batch.length > 0; batch = this.#ledger.readOutbox()) {
        await collector.collect({ source: this.ctx.id.toString(), batch });
        this.#ledger.clearOutbox(batch[batch.length - 1]?.seq ?? 0);
      }
      return true;
    } catch (cause) {
      logError("meter.deliver_failed", { project: this.#projectId() }, cause);
      return false;
    }
  }

  /**
   * Decides, and where only reserved money is in the way waits for running requests to settle, within the setting's bound.
   * `commit` runs in the same tick as the decision: no other request can come between the two.
   */
  async #whenAffordable(
    decide: (state: MeterState) => Decision,
    commit: (state: MeterState) => void,
  ): Promise<Decision> {
    const giveUpMs = systemClock() + this.#settings.PARAPET_BUDGET_WAIT_MS;
    for (;;) {
      const nowMs = systemClock();
      const state = this.#ledger.state(nowMs);
      const decision = decide(state);
      if (decision.admitted) commit(state);
      if (decision.admitted || !decision.waits || nowMs >= giveUpMs) return decision;
      await this.#nextSettlement(giveUpMs - nowMs);
    }
  }

  #nextSettlement(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #wakeWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  async #wakeBy(timeMs: number): Promise<void> {
    this.#alarmAtMs ??= (await this.ctx.storage.getAlarm()) ?? Infinity;
    if (this.#alarmAtMs <= timeMs) return;
    this.#alarmAtMs = timeMs;
    await this.ctx.storage.setAlarm(timeMs);
  }

  async #contentKey(): Promise<string> {
    const known = this.#ledger.contentKey();
    if (known !== null) return known;
    const keys = await createSecretKeys(this.#settings.PARAPET_SECRET);
    return this.#ledger.keepContentKey(await keys.newContentKey());
  }

  #limits(standing: KeyStanding | null): Limits {
    return {
      requestsPerMinute: this.#settings.PARAPET_REQUESTS_PER_MINUTE,
      tokensPerMinute: this.#settings.PARAPET_TOKENS_PER_MINUTE,
      dailyBudgetMicros: this.#settings.PARAPET_DAILY_BUDGET_MICROS,
      monthlyBudgetMicros: this.#settings.PARAPET_MONTHLY_BUDGET_MICROS,
      ...standing?.limits,
    };
  }

  #projectId(): string {
    const name = this.ctx.id.name ?? "";
    return name.slice(0, name.indexOf("/"));
  }
}

function isLive(standing: KeyStanding | null): boolean {
  return standing !== null && standing.live && (standing.expiresAtMs === null || standing.expiresAtMs > systemClock());
}

function refused(refusal: Refusal): Admission {
  return { admitted: false, refusal };
}
