import { systemClock } from "../core/clock.ts";
import type { Limits } from "../core/meter.ts";
import type { AllowanceContract, RateUse } from "./allowance-contract.ts";
import type { Shortage } from "./admission-queue.ts";
import type { DrawLine } from "./draw-line.ts";
import type { Parent } from "./governing-limits.ts";
import { spareFor } from "./slice-arithmetic.ts";

/** After this a grant no longer counts anywhere, and what is known of it is of no use. */
const forgottenMs = 70_000;
/** A refusal is believed for so long at most: others give back meanwhile. */
const believedMs = 1_000;

interface Grant {
  id: number;
  askedAtMs: number;
  expiresAtMs: number;
  requestsLeft: number;
  tokensLeft: number;
  requestsUsed: number;
  tokensUsed: number;
  /** The parent was told, or has nothing to be told. */
  isTold: boolean;
}

export interface RateWant {
  tokens: number;
}

export interface RateRefusal {
  limit: "requests_per_minute" | "tokens_per_minute";
  untilMs: number;
}

/**
 * What one meter holds of one parent's requests and tokens a minute. In memory alone: what a restart forgets still counts at the
 * parent until its minute is over, so nothing is ever used twice.
 */
export class RateLink implements Shortage {
  readonly #child: string;
  readonly #allowance: () => AllowanceContract;
  readonly line: DrawLine;
  #grants: Grant[] = [];
  readonly #taken = new Map<string, { grant: Grant; tokens: number }[]>();
  #wants: RateWant[] = [];
  #limits: Limits | null = null;
  #refusal: (RateRefusal & { believedUntilMs: number }) | null = null;
  #used = { requests: 0, tokens: 0 };
  #drewAtMs = 0;

  constructor(parts: { child: string; allowance: () => AllowanceContract; line: DrawLine }) {
    this.#child = parts.child;
    this.#allowance = parts.allowance;
    this.line = parts.line;
  }

  see({ limits }: Parent): void {
    const before = this.#limits;
    this.#limits = limits;
    if (before !== null && (isLower(limits, before, "requestsPerMinute") || isLower(limits, before, "tokensPerMinute")))
      this.#close();
  }

  covers(limits: Limits, tokens: number, nowMs: number): boolean {
    let [requestsLeft, tokensLeft] = [0, 0];
    for (const grant of this.#grants) {
      if (grant.expiresAtMs <= nowMs) continue;
      requestsLeft += grant.requestsLeft;
      tokensLeft += grant.tokensLeft;
    }
    return (
      (limits.requestsPerMinute === null || requestsLeft >= 1) &&
      (limits.tokensPerMinute === null || tokensLeft >= tokens)
    );
  }

  /** What the parent said was in the way, while that is believed. */
  refusal(nowMs: number): RateRefusal | null {
    return this.#refusal !== null && nowMs < this.#refusal.believedUntilMs ? this.#refusal : null;
  }

  clear(): void {
    this.#wants = [];
  }

  get isAsking(): boolean {
    return this.line.isAsking;
  }

  want(want: RateWant): void {
    this.#wants.push(want);
  }

  /** True when a question now goes out that holds every want. */
  draw(): boolean {
    const [wants, limits] = [this.#wants, this.#limits];
    if (wants.length === 0 || limits === null || this.line.isAsking) return false;
    this.line.ask(() => this.#draw(wants, limits));
    return true;
  }

  take(holdId: string, tokens: number, nowMs: number): void {
    this.#used.requests += 1;
    this.#used.tokens += tokens;
    const taken: { grant: Grant; tokens: number }[] = [];
    let [requests, missing] = [1, tokens];
    for (const grant of this.#grants) {
      if (grant.expiresAtMs <= nowMs || (requests === 0 && missing === 0)) continue;
      const request = Math.min(requests, grant.requestsLeft);
      const share = Math.min(missing, grant.tokensLeft);
      grant.requestsLeft -= request;
      grant.requestsUsed += request;
      grant.tokensLeft -= share;
      grant.tokensUsed += share;
      requests -= request;
      missing -= share;
      if (share > 0) taken.push({ grant, tokens: share });
    }
    if (taken.length > 0) this.#taken.set(holdId, taken);
  }

  /** Of the tokens a request was bounded by, those it did not use are free again. */
  settle(holdId: string, tokens: number): void {
    const taken = this.#taken.get(holdId);
    if (taken === undefined) return;
    this.#taken.delete(holdId);
    const nowMs = systemClock();
    let kept = tokens;
    for (const { grant, tokens: share } of taken) {
      const unused = Math.max(0, share - kept);
      kept = Math.max(0, kept - share);
      if (unused === 0) continue;
      grant.tokensUsed -= unused;
      if (grant.expiresAtMs > nowMs) grant.tokensLeft += unused;
      else grant.isTold = false;
    }
  }

  /** Ends every grant and says what was used of it. */
  release(): RateUse[] {
    this.#close();
    return this.#untold(systemClock());
  }

  dueMs(): number | null {
    let dueMs: number | null = null;
    for (const grant of this.#grants) {
      const isDue = !grant.isTold || grant.requestsLeft > 0 || grant.tokensLeft > 0;
      if (isDue) dueMs = Math.min(dueMs ?? Infinity, grant.expiresAtMs);
    }
    return dueMs;
  }

  async report(nowMs: number): Promise<void> {
    const used = this.#untold(nowMs);
    if (used.length > 0) await this.#allowance().reportRate({ child: this.#child, used });
  }

  async #draw(wants: readonly RateWant[], limits: Limits): Promise<void> {
    const nowMs = systemClock();
    const elapsedMs = nowMs - this.#drewAtMs;
    const tokens = wants.map((want) => want.tokens);
    const answer = await this.#allowance().drawRate({
      child: this.#child,
      used: this.#untold(nowMs),
      requests: { due: wants.length, spare: spareFor({ used: this.#used.requests, elapsedMs }) },
      tokens: {
        least: Math.min(...tokens),
        due: tokens.reduce((total, one) => total + one, 0),
        spare: spareFor({ used: this.#used.tokens, elapsedMs }),
      },
      limits,
    });
    this.#used = { requests: 0, tokens: 0 };
    this.#drewAtMs = nowMs;
    if (!answer.granted) {
      const untilMs = systemClock() + answer.retryAfterMs;
      this.#refusal = {
        limit: answer.limit,
        untilMs,
        believedUntilMs: Math.min(untilMs, systemClock() + believedMs),
      };
      return;
    }
    this.#refusal = null;
    const { id, requests, tokens: granted, lifetimeMs } = answer.grant;
    this.#grants.push({
      id,
      askedAtMs: nowMs,
      expiresAtMs: nowMs + lifetimeMs,
      requestsLeft: requests,
      tokensLeft: granted,
      requestsUsed: 0,
      tokensUsed: 0,
      isTold: true,
    });
  }

  #close(): void {
    for (const grant of this.#grants) {
      if (grant.requestsLeft > 0 || grant.tokensLeft > 0) grant.isTold = false;
      grant.requestsLeft = 0;
      grant.tokensLeft = 0;
      grant.expiresAtMs = Math.min(grant.expiresAtMs, systemClock());
    }
  }

  /** Ends what has expired; what a lost message would have told is told by nobody, and counts at the parent until its time. */
  #untold(nowMs: number): RateUse[] {
    this.#grants = this.#grants.filter(({ askedAtMs }) => nowMs - askedAtMs < forgottenMs);
    const used: RateUse[] = [];
    for (const grant of this.#grants) {
      if (grant.expiresAtMs > nowMs) continue;
      const isUnused = grant.requestsLeft > 0 || grant.tokensLeft > 0;
      if (grant.isTold && !isUnused) continue;
      grant.requestsLeft = 0;
      grant.tokensLeft = 0;
      grant.isTold = true;
      used.push({ grantId: grant.id, requests: grant.requestsUsed, tokens: grant.tokensUsed });
    }
    return used;
  }
}

function isLower(now: Limits, before: Limits, field: "requestsPerMinute" | "tokensPerMinute"): boolean {
  return (now[field] ?? Infinity) < (before[field] ?? Infinity);
}
