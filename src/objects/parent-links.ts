import { systemClock } from "../core/clock.ts";
import type { Bound, Limits } from "../core/meter.ts";
import type { AdmissionQueue, Attempt, Lack } from "./admission-queue.ts";
import type { AccountGrant, AccountReport, AllowanceContract, RateUse } from "./allowance-contract.ts";
import type { Decision } from "./decide-admission.ts";
import { DrawLine } from "./draw-line.ts";
import type { Parent } from "./governing-limits.ts";
import { MoneyLink } from "./money-link.ts";
import { refuseRate, refuseSpent, refuseUnreachable, waitForReserved } from "./parent-refusals.ts";
import { RateLink } from "./rate-link.ts";
import type { SliceBook } from "./slice-book.ts";

interface Link {
  money: MoneyLink;
  rate: RateLink;
}

interface Claim {
  bound: Bound;
  periods: readonly string[];
  giveUpMs: number;
  /** A raised bound is no new request: only the budgets count. */
  isNewRequest: boolean;
}

/** All that a meter holds of the budgets above it: decides without a hop while its slices last. */
export class ParentLinks {
  readonly #links = new Map<string, Link>();
  readonly #book: SliceBook;
  readonly #queue: AdmissionQueue;
  readonly #child: () => string;
  readonly #allowance: (parent: string) => AllowanceContract;
  readonly #changed: () => void;

  /** `changed` is called whenever something may be due sooner than before. */
  constructor(parts: {
    book: SliceBook;
    queue: AdmissionQueue;
    child: () => string;
    allowance: (parent: string) => AllowanceContract;
    changed: () => void;
  }) {
    this.#book = parts.book;
    this.#queue = parts.queue;
    this.#child = parts.child;
    this.#allowance = parts.allowance;
    this.#changed = parts.changed;
  }

  /** Admits only what every parent's slice covers; else says what is short, or who refuses. */
  attempt(parents: readonly Parent[], claim: Claim, nowMs: number): Attempt {
    const lacks: Lack[] = [];
    let waiting: Decision | null = null;
    for (const parent of parents) {
      const link = this.#linkOf(parent.name);
      link.money.see(parent);
      link.rate.see(parent);
      const refusal = this.#refusalOf(parent, link, claim, nowMs);
      if (refusal === null) continue;
      if (!refusal.decision.admitted && !refusal.decision.waits) return refusal;
      waiting ??= refusal.decision;
      lacks.push(...refusal.lacks);
    }
    return { decision: waiting ?? { admitted: true }, lacks };
  }

  take(parents: readonly Parent[], holdId: string, bound: Bound, nowMs: number): void {
    for (const { name, limits } of parents) {
      const link = this.#linkOf(name);
      link.money.use(bound.costMicros, nowMs);
      if (hasRate(limits)) link.rate.take(holdId, bound.tokens, nowMs);
    }
  }

  /** Goes on after a hold of these parents was settled, or its bound lowered. */
  settle(parents: readonly string[], holdId: string, tokens: number): void {
    for (const name of parents) this.#linkOf(name).rate.settle(holdId, tokens);
  }

  /** The parents whose other children wait for what comes free here. */
  listScarce(parents: readonly string[]): string[] {
    const nowMs = systemClock();
    return parents.filter((name) => this.#linkOf(name).money.isScarce(nowMs));
  }

  releaseMoney(parent: string, accounts: readonly AccountGrant[]): AccountReport[] {
    return this.#linkOf(parent).money.release(accounts, systemClock(), () => this.#queue.advance());
  }

  releaseRate(parent: string): RateUse[] {
    return this.#linkOf(parent).rate.release();
  }

  /** When something is next to be told; `null` while nothing is. */
  dueMs(): number | null {
    for (const name of this.#book.listParents()) this.#linkOf(name);
    let dueMs: number | null = null;
    for (const { money, rate } of this.#links.values())
      for (const due of [money.dueMs(), rate.dueMs()]) if (due !== null) dueMs = Math.min(dueMs ?? Infinity, due);
    return dueMs;
  }

  /** Tells parents what is due; throws where one cannot be reached. */
  async report(nowMs: number): Promise<void> {
    for (const name of this.#book.listParents()) this.#linkOf(name);
    const links = [...this.#links.values()];
    await Promise.all(
      links.map(async ({ money, rate }) => {
        if ((money.dueMs() ?? Infinity) <= nowMs) await money.report(nowMs);
        if ((rate.dueMs() ?? Infinity) <= nowMs) await rate.report(nowMs);
      }),
    );
  }

  async reportMoney(parent: string): Promise<void> {
    await this.#linkOf(parent).money.report(systemClock());
  }

  #refusalOf(parent: Parent, link: Link, claim: Claim, nowMs: number): Attempt | null {
    const { limits } = parent;
    const { costMicros, tokens } = claim.bound;
    if (claim.isNewRequest && hasRate(limits) && !link.rate.covers(limits, tokens, nowMs)) {
      if (limits.tokensPerMinute !== null && tokens > limits.tokensPerMinute)
        return final(refuseRate(parent, "tokens_per_minute", { tokens, retryAfterMs: null }));
      const refusal = link.rate.refusal(nowMs);
      if (refusal !== null)
        return final(refuseRate(parent, refusal.limit, { tokens, retryAfterMs: Math.max(1, refusal.untilMs - nowMs) }));
      if (link.rate.line.isDown(nowMs)) return final(refuseUnreachable());
      return waitFor(parent, { shortage: link.rate, want: () => link.rate.want({ tokens }) });
    }
    // What costs nothing needs nothing of its parents' money, and draws none.
    if (costMicros <= 0 || link.money.covers(limits, claim.periods, costMicros)) return null;
    const spent = link.money.spentPeriod(limits, claim.periods, costMicros, nowMs);
    if (spent !== null) return final(refuseSpent(parent, { ...spent, bound: claim.bound, nowMs }));
    if (link.money.line.isDown(nowMs)) return final(refuseUnreachable());
    const want = { periods: claim.periods, micros: costMicros, giveUpMs: claim.giveUpMs };
    return waitFor(parent, { shortage: link.money, want: () => link.money.want(want) });
  }

  #linkOf(parent: string): Link {
    const known = this.#links.get(parent);
    if (known !== undefined) return known;
    const changed = () => {
      this.#queue.advance();
      this.#changed();
    };
    const child = this.#child();
    const allowance = () => this.#allowance(parent);
    const money = new MoneyLink({ parent, child, book: this.#book, allowance, line: new DrawLine(parent, changed) });
    const rate = new RateLink({ child, allowance, line: new DrawLine(parent, changed) });
    const link = { money, rate };
    this.#links.set(parent, link);
    return link;
  }
}

function hasRate({ requestsPerMinute, tokensPerMinute }: Limits): boolean {
  return requestsPerMinute !== null || tokensPerMinute !== null;
}

function final(decision: Decision): Attempt {
  return { decision, lacks: [] };
}

function waitFor(parent: Parent, lack: Lack): Attempt {
  return { decision: waitForReserved(parent), lacks: [lack] };
}
