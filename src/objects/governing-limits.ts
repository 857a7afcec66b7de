import { utcDay, utcMonth } from "../core/clock.ts";
import type { AdmitRequest, Limits } from "../core/meter.ts";
import type { BudgetRow } from "../db/budget-store.ts";
import { setLimits } from "./key-standing.ts";

export type ParentKind = "project" | "key" | "feature";

/** A budget above a subject's: kept by the Allowance of this name. */
export interface Parent {
  /** `project/kind/target`. */
  name: string;
  kind: ParentKind;
  limits: Limits;
}

/** What a request is admitted against. */
export interface GoverningLimits {
  own: Limits;
  parents: Parent[];
}

export const noLimits: Limits = {
  requestsPerMinute: null,
  tokensPerMinute: null,
  dailyBudgetMicros: null,
  monthlyBudgetMicros: null,
};

/** Only what decides which limits apply: a hold keeps it for as long as it is open. */
export type Claimant = Pick<AdmitRequest, "rootKeyId" | "actsForAnother" | "feature">;

/** A key's own limits are its subject's while it is its own subject, and stand above the subjects it acts for. */
export function governingLimits({
  projectId,
  claimant,
  rows,
  keyLimits,
  defaults,
}: {
  projectId: string;
  claimant: Claimant;
  /** The project's budgets, of subjects only this one's. */
  rows: readonly BudgetRow[];
  /** `null` for a caller without a key. */
  keyLimits: Partial<Limits> | null;
  defaults: Limits;
}): GoverningLimits {
  const { rootKeyId = null, actsForAnother = false, feature = null } = claimant;
  const own = rows.find(({ kind }) => kind === "subject");
  const parents: Parent[] = [];
  const add = (kind: ParentKind, target: string, ...limits: Limits[]) => {
    if (limits.length === 0) return;
    parents.push({ name: parentName(projectId, kind, target), kind, limits: limits.reduce(strictest) });
  };
  const rowsOf = (kind: ParentKind, target: string) => rows.filter((row) => row.kind === kind && row.target === target);
  add("project", "", ...rowsOf("project", "").map(limitsOf));
  if (rootKeyId !== null) {
    const limits = rowsOf("key", rootKeyId).map(limitsOf);
    if (actsForAnother && keyLimits !== null && Object.keys(keyLimits).length > 0)
      limits.push({ ...noLimits, ...keyLimits });
    add("key", rootKeyId, ...limits);
  }
  if (feature !== null) add("feature", feature, ...rowsOf("feature", feature).map(limitsOf));
  return {
    own: {
      ...defaults,
      ...(actsForAnother ? {} : keyLimits),
      ...(own === undefined ? {} : setLimits(own)),
    },
    parents,
  };
}

/** The name of the Allowance that keeps a budget. */
function parentName(projectId: string, kind: ParentKind, target: string): string {
  return `${projectId}/${kind}/${target}`;
}

/** Reads such a name; a target may hold slashes of its own. */
export function readParentName(name: string): { projectId: string; kind: ParentKind; target: string } {
  const [projectId = "", kind = "", ...target] = name.split("/");
  if (kind !== "project" && kind !== "key" && kind !== "feature") throw new Error(`no budget is called ${name}`);
  return { projectId, kind, target: target.join("/") };
}

/** In each field the lower of two limits. */
export function strictest(one: Limits, other: Limits): Limits {
  return {
    requestsPerMinute: lower(one.requestsPerMinute, other.requestsPerMinute),
    tokensPerMinute: lower(one.tokensPerMinute, other.tokensPerMinute),
    dailyBudgetMicros: lower(one.dailyBudgetMicros, other.dailyBudgetMicros),
    monthlyBudgetMicros: lower(one.monthlyBudgetMicros, other.monthlyBudgetMicros),
  };
}

/** The limits alone, of a row that holds more. */
export function limitsOf(row: Limits): Limits {
  const { requestsPerMinute, tokensPerMinute, dailyBudgetMicros, monthlyBudgetMicros } = row;
  return { requestsPerMinute, tokensPerMinute, dailyBudgetMicros, monthlyBudgetMicros };
}

/** The UTC day and month in which a request counts: those it was admitted in. */
export function periodsOf(timeMs: number): [day: string, month: string] {
  return [utcDay(timeMs), utcMonth(timeMs)];
}

/** A period's limit in micro-USD: a day is written `2026-11-21`, a month `2026-11`. */
export function budgetOf(limits: Limits, period: string): number | null {
  return period.length === 10 ? limits.dailyBudgetMicros : limits.monthlyBudgetMicros;
}

function lower(one: number | null, other: number | null): number | null {
  if (one === null) return other;
  return other === null ? one : Math.min(one, other);
}
