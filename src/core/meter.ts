import type { AuditRecord, TraceRecord, UsageRecord } from "./records.ts";

/** Limits of one subject; `null` is no limit. Money in micro-USD, days and months in UTC. */
export interface Limits {
  requestsPerMinute: number | null;
  tokensPerMinute: number | null;
  dailyBudgetMicros: number | null;
  monthlyBudgetMicros: number | null;
}

export function isSameLimits(one: Limits, other: Limits): boolean {
  return (
    one.requestsPerMinute === other.requestsPerMinute &&
    one.tokensPerMinute === other.tokensPerMinute &&
    one.dailyBudgetMicros === other.dailyBudgetMicros &&
    one.monthlyBudgetMicros === other.monthlyBudgetMicros
  );
}

/** The most a request may use, known before anything costs. */
export interface Bound {
  costMicros: number;
  tokens: number;
  /** The cost with the lowest cap on the answer, where the caller can set one. */
  leastCostMicros?: number;
}

export interface AdmitRequest {
  holdId: string;
  /** `null` for the bootstrap admin. */
  keyId: string | null;
  traceId: string;
  /** The first of the key's line of rotations: under this name its own budget is kept. */
  rootKeyId?: string | null;
  /** The key acts for a subject other than itself: its limits stand above that subject's. */
  actsForAnother?: boolean;
  /** `parapet.feature`. */
  feature?: string | null;
  /** What an orphan's usage and audit rows say: the request is known even if its end is not. */
  draft: { audit: AuditRecord; usage: UsageRecord | null };
  bound: Bound;
}

export const refusalCodes = [
  "rate_limited",
  "budget_reserved",
  "budget_exceeded",
  "unauthenticated",
  "storage_unavailable",
  "meter_unavailable",
  "not_ready",
] as const;

export interface Refusal {
  code: (typeof refusalCodes)[number];
  message: string;
  /** The limit that was hit, as `Limits` calls it, in snake case; with its parent's kind before it, e.g. `project_daily_budget`. */
  limit: string | null;
  retryAfterMs: number | null;
}

export type Admission =
  /** `contentKey` is the subject's own key, base64url, for what this request leaves in the content store. */
  { admitted: true; contentKey: string } | { admitted: false; refusal: Refusal };

export interface Settlement {
  /** The sum over `usage`. */
  costMicros: number;
  tokens: number;
  usage: UsageRecord[];
  audit: AuditRecord;
  trace: TraceRecord | null;
}

/** Reserves before anything costs, and accounts afterwards: exactly one settlement a hold, by the caller or by the alarm. */
export interface Meter {
  admit(request: AdmitRequest): Promise<Admission>;
  /** Raises a hold's bound (before a fallback or a repair) or lowers it (`Bound` is the new total). */
  adjust(holdId: string, bound: Bound): Promise<Admission>;
  /** Keeps the hold's lease and says how far a stream has come. */
  report(holdId: string, outputTokens: number): Promise<void>;
  settle(holdId: string, settlement: Settlement): Promise<void>;
}
