import { DurableObject } from "cloudflare:workers";
import { systemClock, utcDay, utcMonth } from "../core/clock.ts";
import { isSameLimits, type Limits } from "../core/meter.ts";
import { parseSettings } from "../env.ts";
import { logError } from "../telemetry/log.ts";
import type {
  AllowanceContract,
  MoneyAnswer,
  MoneyDraw,
  MoneyReport,
  RateAnswer,
  RateDraw,
  RateUse,
} from "./allowance-contract.ts";
import { createAllowanceRecords, type AllowanceTerms } from "./allowance-records.ts";
import { BudgetWatch } from "./budget-watch.ts";
import { EarlierSpend } from "./earlier-spend.ts";
import { budgetOf, noLimits, periodsOf, readParentName } from "./governing-limits.ts";
import { inTurns } from "./in-turns.ts";
import { MoneyBook } from "./money-book.ts";
import { RateBook } from "./rate-book.ts";
import { reachTwice } from "./reach-twice.ts";
import { Remembered } from "./remembered.ts";
import { createWebhookSender } from "./send-webhook.ts";

const schemaSteps = [MoneyBook.schema, RateBook.schema, BudgetWatch.schema, EarlierSpend.schema];

/** While requests wait, unused slices are called in again this often: a child may have missed that others wait. */
const callAgainMs = 250;
/** Even a child without patience waits until unused slices were called in once. */
const leastWaitMs = 500;
/** Limits that a child sees otherwise are read again, but not more often than this. */
const rereadMs = 1_000;
const dayMs = 86_400_000;

interface Waiting {
  draw: MoneyDraw;
  resolve: () => void;
}

/** A budget over many subjects: grants slices to their meters, never more than its limits in sum. Named `project/kind/target`. */
export class Allowance extends DurableObject<Env> implements AllowanceContract {
  readonly #money: MoneyBook;
  readonly #rates: RateBook;
  readonly #watch: BudgetWatch;
  readonly #earlier: EarlierSpend;
  readonly #remembered: Remembered<AllowanceTerms>;
  #limits: Limits = noLimits;
  #budget: AllowanceTerms["budget"] = null;
  #readAtMs = 0;
  #waiting: Waiting[] = [];
  #isCallingIn = false;
  #callingRate: Promise<void> | null = null;
  #calledRateAtMs = 0;
  /** What children that could not be reached hold, by period: it counts as spent. */
  readonly #stranded = new Map<string, Map<string, number>>();
  #prunedDay = "";

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const done = ctx.storage.kv.get<number>("schema") ?? 0;
    ctx.storage.transactionSync(() => {
      for (const step of schemaSteps.slice(done)) ctx.storage.sql.exec(step);
      if (done < schemaSteps.length) ctx.storage.kv.put("schema", schemaSteps.length);
    });
    this.#money = new MoneyBook(ctx.storage.sql);
    this.#rates = new RateBook(ctx.storage.sql);
    const settings = parseSettings(env);
    const records = createAllowanceRecords(() => this.#name(), env.DB);
    this.#watch = new BudgetWatch(ctx.storage, {
      listBudgets: async () => [await records.readBudget()].filter((row) => row !== null),
      spentMicros: (period) => this.#money.spentMicros(period),
      send: createWebhookSender(settings, readParentName(this.#name()).projectId),
      wakeBy: (timeMs) => this.#wakeBy(timeMs),
    });
    this.#remembered = new Remembered(ctx.storage, "terms:", () => records.readTerms());
    this.#earlier = new EarlierSpend(ctx.storage.sql, this.#money, {
      hear: (children, periods) => inTurns(children, (child) => this.#callIn(child, periods)),
      bringIn: (children) => this.#bringIn(children),
      readSpent: (period) => records.readSpent(period),
      counted: () => ctx.waitUntil(this.#watch.noteSpending(systemClock())),
    });
  }

  async drawMoney(draw: MoneyDraw): Promise<MoneyAnswer> {
    await this.#refreshLimits(draw.limits);
    this.#take(draw);
    const periods = draw.needs.map(({ period }) => period);
    const limited = periods.filter((period) => budgetOf(this.#limits, period) !== null);
    await this.#earlier.count(draw.child, limited, this.#budget);
    await this.#granted(draw);
    return this.#answer(draw.child, periods);
  }

  async reportMoney(report: MoneyReport): Promise<MoneyAnswer> {
    this.#take(report);
    const limited = report.accounts.filter(({ period }) => budgetOf(this.#limits, period) !== null);
    return this.#answer(
      report.child,
      limited.map(({ period }) => period),
    );
  }

  async drawRate(draw: RateDraw): Promise<RateAnswer> {
    await this.#refreshLimits(draw.limits);
    this.#rates.close(draw.child, draw.used);
    const answer = this.#rates.draw(draw, this.#limits, systemClock());
    if (answer.granted) return answer;
    await this.#callInRates(draw.child);
    return this.#rates.draw(draw, this.#limits, systemClock());
  }

  async reportRate({ child, used }: { child: string; used: RateUse[] }): Promise<void> {
    this.#rates.close(child, used);
  }

  /** Spent, and spent or given out, of the current day and month, in micro-USD, as far as the meters have told. */
  async standing(): Promise<{ period: string; spentMicros: number; heldMicros: number }[]> {
    return periodsOf(systemClock()).map((period) => ({
      period,
      spentMicros: this.#money.spentMicros(period),
      heldMicros: this.#money.heldMicros(period),
    }));
  }

  /** Rings for webhooks alone. */
  override async alarm(): Promise<void> {
    await this.#watch.check(systemClock());
  }

  /** A child that speaks is no longer out of reach, and what it says may let others go on. */
  #take({ child, accounts }: MoneyReport): void {
    this.#prune();
    this.#stranded.delete(child);
    const isMoreSpent = this.#money.apply(child, accounts);
    if (isMoreSpent) this.ctx.waitUntil(this.#watch.noteSpending(systemClock()));
    this.#serve();
  }

  /** Resolves once the least is granted, once it never can be, or when the child has waited long enough. */
  #granted(draw: MoneyDraw): Promise<void> {
    if (this.#isDone(draw)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting: Waiting = {
        draw,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(
        () => {
          this.#waiting = this.#waiting.filter((other) => other !== waiting);
          resolve();
        },
        Math.max(leastWaitMs, draw.waitMs),
      );
      this.#waiting.push(waiting);
      if (!this.#isCallingIn) this.ctx.waitUntil(this.#callInMoney());
    });
  }

  #serve(): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter(({ draw, resolve }) => {
      if (!this.#isDone(draw)) return true;
      resolve();
      return false;
    });
  }

  #isDone({ child, needs }: MoneyDraw): boolean {
    if (this.#money.grant(child, needs, (period) => budgetOf(this.#limits, period))) return true;
    return needs.some(({ period, leastMicros }) => leastMicros > this.#openMicros(period));
  }

  /** What is not spent: the most that can come free. */
  #openMicros(period: string): number {
    const limit = budgetOf(this.#limits, period);
    if (limit === null) return Infinity;
    let micros = limit - this.#money.spentMicros(period);
    for (const byPeriod of this.#stranded.values()) micros -= byPeriod.get(period) ?? 0;
    return micros;
  }

  #answer(child: string, periods: string[]): MoneyAnswer {
    const open = periods.flatMap((period) => {
      const micros = this.#openMicros(period);
      return micros === Infinity ? [] : [{ period, micros }];
    });
    return { accounts: this.#money.grantsOf(child, periods), open, scarce: this.#waiting.length > 0 };
  }

  /** Calls unused slices in, the largest first, until nobody waits. */
  async #callInMoney(): Promise<void> {
    this.#isCallingIn = true;
    try {
      while (this.#waiting.length > 0) {
        const periods = new Set(this.#waiting.flatMap(({ draw }) => draw.needs.map(({ period }) => period)));
        const asking = new Set(this.#waiting.map(({ draw }) => draw.child));
        const holders = new Set(
          [...periods].flatMap((period) => this.#money.listHolders(period).map(({ child }) => child)),
        );
        // A child that waits has given back what it had.
        const called = [...holders].filter((child) => !asking.has(child));
        await inTurns(called, async (child) => {
          if (this.#waiting.length > 0) await this.#callIn(child, [...periods]);
        });
        if (this.#waiting.length === 0) return;
        this.#serve();
        await new Promise((resolve) => setTimeout(resolve, callAgainMs));
      }
    } finally {
      this.#isCallingIn = false;
    }
  }

  async #callIn(child: string, periods: string[]): Promise<void> {
    const request = { parent: this.#name(), accounts: this.#money.grantsOf(child, periods) };
    try {
      const accounts = await reachTwice(() => this.env.METER.getByName(child).releaseMoney(request));
      this.#take({ child, accounts });
    } catch (cause) {
      logError("allowance.child_unreachable", { parent: this.#name() }, cause);
      const unspent = periods.map((period): [string, number] => {
        const holder = this.#money.listHolders(period).find((other) => other.child === child);
        return [period, holder?.unspentMicros ?? 0];
      });
      this.#stranded.set(child, new Map(unspent));
      this.#serve();
    }
  }

  async #callInRates(asking: string): Promise<void> {
    if (this.#callingRate === null && systemClock() - this.#calledRateAtMs < callAgainMs) return;
    this.#callingRate ??= this.#callAllRates(asking).finally(() => {
      this.#callingRate = null;
      this.#calledRateAtMs = systemClock();
    });
    await this.#callingRate;
  }

  async #callAllRates(asking: string): Promise<void> {
    const parent = this.#name();
    const holders = this.#rates.listHolders(systemClock()).filter((child) => child !== asking);
    await inTurns(holders, async (child) => {
      // Who cannot be reached is taken to use all it was given.
      const used = await reachTwice(() => this.env.METER.getByName(child).releaseRate({ parent })).catch(() => []);
      this.#rates.close(child, used);
    });
  }

  /** Closed where the collector or D1 cannot be reached; a child that cannot be is counted without its last rows. */
  async #bringIn(children: string[]): Promise<void> {
    await inTurns(children, async (child) => {
      await reachTwice(() => this.env.METER.getByName(child).deliver()).catch((cause: unknown) =>
        logError("allowance.child_unreachable", { parent: this.#name() }, cause),
      );
    });
    const { projectId } = readParentName(this.#name());
    await this.env.COLLECTOR.getByName(projectId).flushUsage();
  }

  /** Reads the limits again where a child sees others: whoever is behind, a change holds for both. */
  async #refreshLimits(seen: Limits): Promise<void> {
    const nowMs = systemClock();
    const known = await this.#remembered.valueOf("own", nowMs);
    let terms = known;
    if (!isSameLimits(terms?.limits ?? noLimits, seen) && nowMs - this.#readAtMs >= rereadMs) {
      this.#readAtMs = nowMs;
      terms = await this.#remembered.refresh("own", nowMs).catch(() => known);
    }
    this.#limits = terms?.limits ?? noLimits;
    this.#budget = terms?.budget ?? null;
  }

  async #wakeBy(timeMs: number): Promise<void> {
    const currentMs = await this.ctx.storage.getAlarm();
    if (currentMs === null || currentMs > timeMs) await this.ctx.storage.setAlarm(timeMs);
  }

  #prune(): void {
    const nowMs = systemClock();
    const day = utcDay(nowMs);
    if (day === this.#prunedDay) return;
    this.#prunedDay = day;
    // Yesterday's holds may settle today.
    const open = { day: utcDay(nowMs - dayMs), month: utcMonth(nowMs - dayMs) };
    this.#money.prune(open);
    this.#earlier.prune(open);
  }

  #name(): string {
    return this.ctx.id.name ?? "";
  }
}
