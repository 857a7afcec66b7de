import type { Limits } from "../core/meter.ts";

/** What a child settled and gave back in one UTC day or month, since it began, in micro-USD. */
export interface AccountReport {
  period: string;
  spentMicros: number;
  returnedMicros: number;
}

/** All that a child was ever granted in one period, in micro-USD. */
export interface AccountGrant {
  period: string;
  grantedMicros: number;
}

/** What a child's waiting requests need in one period, in micro-USD: the smallest of them, all of them, and to spare. */
export interface MoneyNeed {
  period: string;
  leastMicros: number;
  dueMicros: number;
  spareMicros: number;
}

export interface MoneyReport {
  /** The child's name. */
  child: string;
  accounts: AccountReport[];
}

export interface MoneyDraw extends MoneyReport {
  needs: MoneyNeed[];
  /** How long the parent may keep the question while money is only reserved. */
  waitMs: number;
  /** The parent's limits as the child knows them: who differs looks again. */
  limits: Limits;
}

export interface MoneyAnswer {
  accounts: AccountGrant[];
  /** What is not spent in each period with a limit: more than this cannot come free. */
  open: { period: string; micros: number }[];
  /** Others wait for money: whatever comes free is to be given back at once. */
  scarce: boolean;
}

/** What a child used of a grant that it will not use further. */
export interface RateUse {
  grantId: number;
  requests: number;
  tokens: number;
}

export interface RateDraw {
  child: string;
  used: RateUse[];
  requests: { due: number; spare: number };
  /** Bounds of the waiting requests: the smallest, all, and to spare. */
  tokens: { least: number; due: number; spare: number };
  limits: Limits;
}

export interface RateGrant {
  id: number;
  requests: number;
  tokens: number;
  /** Counted from before the question was sent, so that no clock is compared with another. */
  lifetimeMs: number;
}

export type RateAnswer =
  | { granted: true; grant: RateGrant }
  | { granted: false; limit: "requests_per_minute" | "tokens_per_minute"; retryAfterMs: number };

/** What a meter asks of the budgets above it. */
export interface AllowanceContract {
  /** Answers once the least is granted, once it is certain that it never will be, or after `waitMs`. */
  drawMoney(draw: MoneyDraw): Promise<MoneyAnswer>;
  reportMoney(report: MoneyReport): Promise<MoneyAnswer>;
  drawRate(draw: RateDraw): Promise<RateAnswer>;
  reportRate(report: { child: string; used: RateUse[] }): Promise<void>;
}

/** What a budget asks of the meters below it. */
export interface AllowanceChild {
  /** Gives back what is not reserved. */
  releaseMoney(request: { parent: string; accounts: AccountGrant[] }): Promise<AccountReport[]>;
  releaseRate(request: { parent: string }): Promise<RateUse[]>;
}
