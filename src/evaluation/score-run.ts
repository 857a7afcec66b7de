import type { Suite } from "./suite.ts";

export interface CaseResult {
  caseId: string;
  passed: boolean;
  tags: string[];
}

export interface RunScore {
  total: number;
  passed: number;
  criticalTotal: number;
  criticalPassed: number;
  /** Whether the suite's gate holds: over all its cases, and over each tag it names. */
  gatePassed: boolean;
}

/** Scores a run against its suite's gate. A case without a result is a failure. Pure. */
export function scoreRun(suite: Pick<Suite, "cases" | "gate">, results: CaseResult[]): RunScore {
  const passedIds = new Set(results.filter((result) => result.passed).map((result) => result.caseId));
  const count = (tag: string | null) => {
    const cases = suite.cases.filter((item) => tag === null || item.tags.includes(tag));
    return { total: cases.length, passed: cases.filter((item) => passedIds.has(item.id)).length };
  };
  const holds = (tag: string | null, rate: number) => {
    const { total, passed } = count(tag);
    return total === 0 || passed / total >= rate;
  };
  const all = count(null);
  const critical = count("critical");
  return {
    ...all,
    criticalTotal: critical.total,
    criticalPassed: critical.passed,
    gatePassed:
      holds(null, suite.gate.rate) && Object.entries(suite.gate.tags).every(([tag, rate]) => holds(tag, rate)),
  };
}
