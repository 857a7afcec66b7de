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
import { createBudgetStore, type BudgetRow } from "../db/budget-store.ts";
import { createKeyStore } from "../db/key-store.ts";
import { parseSettings, type Settings } from "../env.ts";
import { logError } from "../telemetry/log.ts";
import { AdmissionQueue, type Attempt } from "./admission-queue.ts";
import type { AccountGrant, AccountReport, AllowanceChild, RateUse } from "./allowance-contract.ts";
import { BudgetWatch } from "./budget-watch.ts";
import { decideAdmission, decideTopUp, windowMs, type Decision } from "./decide-admission.ts";
import { governingLimits, periodsOf, type Claimant, type GoverningLimits } from "./governing-limits.ts";
import { isLive, KeyStandings, type KeyStanding } from "./key-standing.ts";
import { MeterLedger } from "./meter-ledger.ts";
import { ParentLinks } from "./parent-links.ts";
import { Remembered } from "./remembered.ts";
import { createWebhookSender } from "./send-webhook.ts";

/** Rows leave for the collector in one batch, this long after the first of them. */
const flushDelayMs = 250;
/** A collector that cannot be reached is tried again after this long. */
const retryDelayMs = 5_000;

/** Limits, budget and content key of one subject of one project: the single hop of a request. Named `project/subjectId`. */
export class Meter extends DurableObject<Env> implements MeterContract, AllowanceChild {
  readonly #ledger: MeterLedger;
  readonly #keys: KeyStandings;
  readonly #budgets: Remembered<BudgetRow[]>;
  readonly #settings: Settings;
  readonly #queue = new AdmissionQueue();
  readonly #links: ParentLinks;
  readonly #watch: BudgetWatch;
  /** When the alarm will ring, once it was asked for; asking the storage each time costs as much as the decision. */
  #alarmAtMs: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#settings = parseSettings(env);
    this.#ledger = new MeterLedger(ctx.storage);
    const db = openDatabase(env.DB);
    const keys = createKeyStore(db);
    const budgets = createBudgetStore(db);
    this.#keys = new KeyStandings(ctx.storage, (keyId) => keys.findKey(this.#projectId(), keyId));
    this.#budgets = new Remembered(ctx.storage, "budgets:", (subjectId) =>
      budgets.listGoverning(this.#projectId(), subjectId),
    );
    this.#links = new ParentLinks({
      book: this.#ledger.slices,
      queue: this.#queue,
      child: () => ctx.id.name ?? "",
      allowance: (parent) => env.ALLOWANCE.getByName(parent),
      changed: () => ctx.waitUntil(this.#wakeForParents()),
    });
    this.#watch = new BudgetWatch(ctx.storage, {
      listBudgets: async (nowMs) =>
        (await this.#budgets.valueOf(this.#subjectId(), nowMs))?.filter(({ kind }) => kind === "subject") ?? [],
      spentMicros: (period) => this.#ledger.spentMicros(period),
      send: createWebhookSender(this.#settings, this.#projectId()),
      wakeBy: (timeMs) => this.#wakeBy(timeMs),
    });
  }

  async admit(request: AdmitRequest): Promise<Admission> {
    const governing = await this.#govern(request.keyId, request);
    if ("refusal" in governing) return { admitted: false, refusal: governing.refusal };
    const contentKey = await this.#contentKey();
    const { own, parents } = governing;
    const waitMs = this.#settings.PARAPET_BUDGET_WAIT_MS;
    const giveUpMs = systemClock() + waitMs;
    let leaseUntilMs = 0;
    const decision = await this.#queue.decide((nowMs) => {
      const decided = decideAdmission(this.#ledger.state(nowMs), request.bound, own);
      const claim = { bound: request.bound, periods: periodsOf(nowMs), giveUpMs, isNewRequest: true };
      const attempt = decided.admitted ? this.#links.attempt(parents, claim, nowMs) : alone(decided);
      if (!attempt.decision.admitted) return attempt;
      leaseUntilMs = nowMs + this.#settings.PARAPET_ORPHAN_AFTER_MS;
      const { holdId: id, bound, draft, rootKeyId, actsForAnother, feature } = request;
      const claimant = {
        rootKeyId: rootKeyId ?? null,
        actsForAnother: actsForAnother ?? false,
        feature: feature ?? null,
      };
      const origin = { ...claimant, parents: parents.map(({ name }) => name) };
      this.#ledger.open({ id, atMs: nowMs, leaseUntilMs, bound, draft, origin });
      this.#links.take(parents, id, bound, nowMs);
      return attempt;
    }, waitMs);
    if (!decision.admitted) return { admitted: false, refusal: decision.refusal };
    await this.#wakeBy(leaseUntilMs);
    return { admitted: true, contentKey };
  }

  async adjust(holdId: string, bound: Bound): Promise<Admission> {
    const hold = this.#ledger.findOpen(holdId);
    if (hold === null) return expired;
    const keyId = hold.draft.audit.actor.startsWith("key_") ? hold.draft.audit.actor : null;
    const governing = await this.#govern(keyId, hold.origin);
    if ("refusal" in governing) return { admitted: false, refusal: governing.refusal };
    const parents = governing.parents.filter(({ name }) => hold.origin.parents.includes(name));
    const waitMs = this.#settings.PARAPET_BUDGET_WAIT_MS;
    const giveUpMs = systemClock() + waitMs;
    const decision = await this.#queue.decide((nowMs) => {
      // The alarm may have settled it while it waited.
      if (this.#ledger.findOpen(holdId) === null) return alone({ ...expired, waits: false });
      const extraMicros = Math.max(0, bound.costMicros - hold.bound.costMicros);
      const decided = decideTopUp(this.#ledger.state(nowMs), extraMicros, governing.own);
      const extra = { costMicros: extraMicros, tokens: 0 };
      const claim = { bound: extra, periods: periodsOf(hold.atMs), giveUpMs, isNewRequest: false };
      const attempt = decided.admitted ? this.#links.attempt(parents, claim, nowMs) : alone(decided);
      if (attempt.decision.admitted) this.#ledger.rebound(holdId, bound);
      return attempt;
    }, waitMs);
    if (!decision.admitted) return { admitted: false, refusal: decision.refusal };
    this.#queue.advance();
    return { admitted: true, contentKey: await this.#contentKey() };
  }

  async report(holdId: string, outputTokens: number): Promise<void> {
    this.#ledger.renew(holdId, systemClock() + this.#settings.PARAPET_ORPHAN_AFTER_MS, outputTokens);
  }

  /** The first settlement of a hold counts; the alarm may have been faster, and then the late one is dropped. */
  async settle(holdId: string, settlement: Settlement): Promise<void> {
    const hold = this.#ledger.settle(holdId, settlement);
    if (hold !== null) this.#settled(holdId, hold.origin.parents, settlement.tokens);
    await this.#wakeBy(systemClock() + flushDelayMs);
  }

  async releaseMoney({ parent, accounts }: { parent: string; accounts: AccountGrant[] }): Promise<AccountReport[]> {
    const reports = this.#links.releaseMoney(parent, accounts);
    await this.#wakeForParents();
    return reports;
  }

  async releaseRate({ parent }: { parent: string }): Promise<RateUse[]> {
    return this.#links.releaseRate(parent);
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
    for (const hold of this.#ledger.listOrphans(nowMs)) {
      this.#ledger.settleOrphan(hold);
      this.#settled(hold.id, hold.origin.parents, hold.bound.tokens);
    }
    const [delivered, reported] = await Promise.all([this.#deliver(), this.#report(nowMs)]);
    await this.#watch.check(nowMs);
    this.#ledger.prune(nowMs - windowMs);
    const nextMs = Math.min(
      delivered ? Infinity : nowMs + retryDelayMs,
      reported ? (this.#links.dueMs() ?? Infinity) : nowMs + retryDelayMs,
      this.#ledger.nextLeaseMs() ?? Infinity,
    );
    if (nextMs !== Infinity) await this.#wakeBy(Math.max(nextMs, systemClock() + 1));
  }

  /** What the limits of a key and of the budgets above it say, from D1 at most every few seconds. */
  async #govern(keyId: string | null, claimant: Claimant): Promise<GoverningLimits | { refusal: Refusal }> {
    const nowMs = systemClock();
    let standing: KeyStanding | null;
    let rows: BudgetRow[] | null;
    try {
      [standing, rows] = await Promise.all([
        keyId === null ? null : this.#keys.standingOf(keyId, nowMs),
        this.#budgets.valueOf(this.#subjectId(), nowMs),
      ]);
    } catch (cause) {
      if (!(cause instanceof AppError)) throw cause;
      const code = cause.code === "not_ready" ? "not_ready" : "storage_unavailable";
      return { refusal: { code, message: cause.message, limit: null, retryAfterMs: cause.retryAfterMs } };
    }
    if (keyId !== null && !isLive(standing, nowMs)) return revoked;
    return governingLimits({
      projectId: this.#projectId(),
      claimant,
      rows: rows ?? [],
      keyLimits: standing?.limits ?? null,
      defaults: this.#defaults(),
    });
  }

  /** Lets waiting requests have what came free, here or, where others wait for it, below the same parents. */
  #settled(holdId: string, parents: readonly string[], tokens: number): void {
    this.#links.settle(parents, holdId, tokens);
    this.#queue.advance();
    for (const parent of this.#links.listScarce(parents))
      this.ctx.waitUntil(this.#links.reportMoney(parent).catch(() => undefined));
  }

  /** False when a parent could not be reached. */
  async #report(nowMs: number): Promise<boolean> {
    try {
      await this.#links.report(nowMs);
      return true;
    } catch (cause) {
      logError("meter.report_failed", { project: this.#projectId() }, cause);
      return false;
    }
  }

  async #wakeForParents(): Promise<void> {
    const dueMs = this.#links.dueMs();
    if (dueMs !== null) await this.#wakeBy(Math.max(dueMs, systemClock() + flushDelayMs));
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

  #defaults(): Limits {
    return {
      requestsPerMinute: this.#settings.PARAPET_REQUESTS_PER_MINUTE,
      tokensPerMinute: this.#settings.PARAPET_TOKENS_PER_MINUTE,
      dailyBudgetMicros: this.#settings.PARAPET_DAILY_BUDGET_MICROS,
      monthlyBudgetMicros: this.#settings.PARAPET_MONTHLY_BUDGET_MICROS,
    };
  }

  #projectId(): string {
    const name = this.ctx.id.name ?? "";
    return name.slice(0, name.indexOf("/"));
  }

  #subjectId(): string {
    const name = this.ctx.id.name ?? "";
    return name.slice(name.indexOf("/") + 1);
  }
}

const revoked: { refusal: Refusal } = {
  refusal: {
    code: "unauthenticated",
    message: "This API key was revoked or has expired.",
    limit: null,
    retryAfterMs: null,
  },
};

const expired: Extract<Admission, { admitted: false }> = {
  admitted: false,
  refusal: {
    code: "budget_exceeded",
    message: "This request took too long and was settled.",
    limit: null,
    retryAfterMs: null,
  },
};

/** Decided without the budgets above. */
function alone(decision: Decision): Attempt {
  return { decision, lacks: [] };
}
