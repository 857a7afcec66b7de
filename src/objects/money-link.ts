import { systemClock } from "../core/clock.ts";
import type { Limits } from "../core/meter.ts";
import type { AccountGrant, AccountReport, AllowanceContract, MoneyAnswer, MoneyNeed } from "./allowance-contract.ts";
import type { Shortage } from "./admission-queue.ts";
import type { DrawLine } from "./draw-line.ts";
import { budgetOf, type Parent } from "./governing-limits.ts";
import type { SliceBook } from "./slice-book.ts";
import { spareFor } from "./slice-arithmetic.ts";

/** Spend is told at most so often while nobody waits for it. */
const reportEveryMs = 1_000;
/** A slice that nothing was admitted from for so long goes back. */
const idleMs = 5_000;
/** How long what a parent said of its remainder is believed. */
const believedMs = 1_000;
/** How long a child gives everything back at once after others were seen to wait. */
const scarceMs = 2_000;

/** A waiting request's need: the same amount in its day and in its month. */
export interface MoneyWant {
  periods: readonly string[];
  micros: number;
  giveUpMs: number;
}

/** What one meter holds of one parent's money, and its talk with that parent. */
export class MoneyLink implements Shortage {
  readonly #parent: string;
  readonly #child: string;
  readonly #book: SliceBook;
  readonly #allowance: () => AllowanceContract;
  readonly line: DrawLine;
  #wants: MoneyWant[] = [];
  #limits: Limits | null = null;
  #open = new Map<string, { micros: number; atMs: number }>();
  #reported = "[]";
  #reportedAtMs = 0;
  #reporting: Promise<void> | null = null;
  #usedAtMs = 0;
  #usedMicros = 0;
  #drewAtMs = 0;
  #scarceUntilMs = 0;

  constructor(parts: {
    parent: string;
    child: string;
    book: SliceBook;
    allowance: () => AllowanceContract;
    line: DrawLine;
  }) {
    this.#parent = parts.parent;
    this.#child = parts.child;
    this.#book = parts.book;
    this.#allowance = parts.allowance;
    this.line = parts.line;
  }

  /** Takes the limits in force; what was granted under higher ones is not to be spent under these. */
  see({ limits }: Parent): void {
    const before = this.#limits;
    this.#limits = limits;
    if (
      before !== null &&
      (isLower(limits, before, "dailyBudgetMicros") || isLower(limits, before, "monthlyBudgetMicros"))
    )
      this.#book.giveBack(this.#parent);
  }

  covers(limits: Limits, periods: readonly string[], micros: number): boolean {
    return periods.every(
      (period) => budgetOf(limits, period) === null || this.#book.free(this.#parent, period) >= micros,
    );
  }

  /** The period whose money is spent, where the parent has said so; `null` while it may yet come. */
  spentPeriod(
    limits: Limits,
    periods: readonly string[],
    micros: number,
    nowMs: number,
  ): { period: string; leftMicros: number } | null {
    for (const period of periods) {
      const limit = budgetOf(limits, period);
      if (limit === null) continue;
      const open = this.#open.get(period);
      const leftMicros = open !== undefined && nowMs - open.atMs < believedMs ? Math.min(open.micros, limit) : limit;
      if (micros > leftMicros) return { period, leftMicros };
    }
    return null;
  }

  clear(): void {
    this.#wants = [];
  }

  get isAsking(): boolean {
    return this.line.isAsking;
  }

  want(want: MoneyWant): void {
    this.#wants.push(want);
  }

  /** True when a question now goes out that holds every want. */
  draw(): boolean {
    const [wants, limits] = [this.#wants, this.#limits];
    if (wants.length === 0 || limits === null || this.line.isAsking) return false;
    this.line.ask(() => this.#draw(wants, limits));
    return true;
  }

  use(micros: number, nowMs: number): void {
    this.#usedAtMs = nowMs;
    this.#usedMicros += micros;
  }

  isScarce(nowMs: number): boolean {
    return nowMs < this.#scarceUntilMs;
  }

  /** Gives back all that is free, at a parent's word. */
  release(accounts: readonly AccountGrant[], nowMs: number, letWaitingTake: () => void): AccountReport[] {
    this.#scarceUntilMs = nowMs + scarceMs;
    this.#book.learn(this.#parent, accounts);
    letWaitingTake();
    this.#book.giveBack(this.#parent);
    return this.#book.report(this.#parent);
  }

  /** When there is something to tell or to give back; `null` while there is not. */
  dueMs(): number | null {
    const dues = [];
    if (JSON.stringify(this.#book.report(this.#parent)) !== this.#reported)
      dues.push(this.#reportedAtMs + reportEveryMs);
    if (this.#book.hasFree(this.#parent)) dues.push(this.#usedAtMs + idleMs);
    return dues.length === 0 ? null : Math.min(...dues);
  }

  /** Tells what was spent; gives back what lies idle, or all where others wait for it. */
  async report(nowMs: number): Promise<void> {
    if (this.isScarce(nowMs) || nowMs >= this.#usedAtMs + idleMs) this.#book.giveBack(this.#parent);
    // What changes while a report is under way is told right after it.
    while (this.#reporting !== null) await this.#reporting;
    if (JSON.stringify(this.#book.report(this.#parent)) === this.#reported) return;
    this.#reporting = this.#report().finally(() => {
      this.#reporting = null;
    });
    await this.#reporting;
  }

  async #report(): Promise<void> {
    const accounts = this.#book.report(this.#parent);
    this.#learn(await this.#allowance().reportMoney({ child: this.#child, accounts }), accounts);
  }

  async #draw(wants: readonly MoneyWant[], limits: Limits): Promise<void> {
    const nowMs = systemClock();
    // What is here does not cover even the smallest request, and may be what another child lacks.
    this.#book.giveBack(this.#parent);
    const spareMicros = this.isScarce(nowMs)
      ? 0
      : spareFor({ used: this.#usedMicros, elapsedMs: nowMs - this.#drewAtMs });
    this.#usedMicros = 0;
    this.#drewAtMs = nowMs;
    const accounts = this.#book.report(this.#parent);
    const waitMs = Math.max(0, ...wants.map(({ giveUpMs }) => giveUpMs - nowMs));
    const answer = await this.#allowance().drawMoney({
      child: this.#child,
      accounts,
      needs: needsOf(wants, limits, spareMicros),
      waitMs,
      limits,
    });
    this.#learn(answer, accounts);
  }

  #learn({ accounts, open, scarce }: MoneyAnswer, told: AccountReport[]): void {
    const nowMs = systemClock();
    this.#reported = JSON.stringify(told);
    this.#reportedAtMs = nowMs;
    if (scarce) this.#scarceUntilMs = nowMs + scarceMs;
    for (const { period, micros } of open) this.#open.set(period, { micros, atMs: nowMs });
    this.#book.learn(this.#parent, accounts);
  }
}

function needsOf(wants: readonly MoneyWant[], limits: Limits, spareMicros: number): MoneyNeed[] {
  const needs = new Map<string, MoneyNeed>();
  for (const { periods, micros } of wants) {
    for (const period of periods) {
      if (budgetOf(limits, period) === null) continue;
      const need = needs.get(period) ?? { period, leastMicros: micros, dueMicros: 0, spareMicros };
      need.leastMicros = Math.min(need.leastMicros, micros);
      need.dueMicros += micros;
      needs.set(period, need);
    }
  }
  return [...needs.values()];
}

function isLower(now: Limits, before: Limits, field: "dailyBudgetMicros" | "monthlyBudgetMicros"): boolean {
  return (now[field] ?? Infinity) < (before[field] ?? Infinity);
}
