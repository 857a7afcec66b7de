import { describe, expect, it } from "vitest";
import { judgeCase, type CaseOutcome } from "../../src/evaluation/judge-case.ts";
import { loadSuite, suiteNames } from "../../src/evaluation/load-suite.ts";
import { scoreRun } from "../../src/evaluation/score-run.ts";
import { parseSuite, type EvalCase, type Expectation } from "../../src/evaluation/suite.ts";

const outcome: CaseOutcome = {
  content: "Refunds take\n5 business days. [1]",
  errorCode: null,
  grounding: "grounded",
  citedDocuments: ["refunds"],
  verdicts: [{ action: "redact", rules: ["pii.card"] }],
};
const refusal: CaseOutcome = {
  ...outcome,
  content: "",
  errorCode: "guardrail_refused",
  verdicts: [{ action: "refuse", rules: ["injection.ignore_previous"] }],
};

function failures(expectation: Expectation, given: CaseOutcome = outcome): number {
  const item: EvalCase = { id: "x", input: "?", expected: [expectation], tags: [], metadata: {} };
  return judgeCase(item, given).length;
}

describe("a judge", () => {
  it.each<[string, Expectation, CaseOutcome, boolean]>([
    ["contains, over line breaks and case", { judge: "contains", any: ["take 5 BUSINESS"] }, outcome, true],
    ["contains none", { judge: "contains", any: ["6 days", "a week"] }, outcome, false],
    ["regex", { judge: "regex", pattern: "\\b5\\b", flags: "" }, outcome, true],
    ["regex that does not match", { judge: "regex", pattern: "^5", flags: "" }, outcome, false],
    ["cites", { judge: "cites", document: "refunds" }, outcome, true],
    ["cites another document", { judge: "cites", document: "plans" }, outcome, false],
    ["grounding", { judge: "grounding", is: "grounded" }, outcome, true],
    ["grounding of another kind", { judge: "grounding", is: "insufficient_evidence" }, outcome, false],
    ["redacted by a group", { judge: "redacted", rule: "pii" }, outcome, true],
    ["redacted by another rule", { judge: "redacted", rule: "pii.iban" }, outcome, false],
    ["refused by a group", { judge: "refused", rule: "injection" }, refusal, true],
    ["an answer is no refusal", { judge: "refused", rule: "injection" }, outcome, false],
    ["an error is no answer", { judge: "contains", any: ["5"] }, { ...outcome, errorCode: "model_unavailable" }, false],
  ])("%s", (_name, expectation, given, passes) => {
    expect(failures(expectation, given)).toBe(passes ? 0 : 1);
  });
});

describe("a suite's gate", () => {
  const cases = ["a", "b", "c", "d"].map((id) => ({
    id,
    input: "?",
    expected: [],
    tags: id === "a" ? ["critical"] : [],
    metadata: {},
  }));
  const gate = { rate: 0.5, tags: { critical: 1 } };
  const results = (passed: string[]) => passed.map((caseId) => ({ caseId, passed: true, tags: [] }));

  it("holds when the rates do", () => {
    expect(scoreRun({ cases, gate }, results(["a", "b"]))).toEqual({
      total: 4,
      passed: 2,
      criticalTotal: 1,
      criticalPassed: 1,
      gatePassed: true,
    });
  });

  it("fails on a critical case, whatever the rest does", () => {
    expect(scoreRun({ cases, gate }, results(["b", "c", "d"])).gatePassed).toBe(false);
  });

  it("counts a missing result as a failure", () => {
    expect(scoreRun({ cases, gate }, results(["a"])).gatePassed).toBe(false);
  });
});

describe("the bundled suites", () => {
  it.each(suiteNames)("%s parses, has at least 20 cases, and critical ones among them", (name) => {
    const suite = loadSuite(name);
    expect(suite?.cases.length).toBeGreaterThanOrEqual(20);
    expect(suite?.cases.some((item) => item.tags.includes("critical"))).toBe(true);
    expect(suite?.documents.length).toBeGreaterThan(0);
  });

  it("no suite goes by another name", () => {
    expect(loadSuite("toString")).toBeNull();
  });

  it("refuses two cases with one id", () => {
    const head = {
      name: "x",
      description: "x",
      target: { kind: "chat", collection: "x", documents: "x", model: "auto", max_completion_tokens: 10, prompt: "x" },
      judges: ["contains"],
      gate: { rate: 1, tags: {} },
    };
    const line = JSON.stringify({
      id: "a",
      input: "?",
      expected: [{ judge: "contains", any: ["x"] }],
      tags: [],
      metadata: {},
    });
    expect(() => parseSuite({ head, cases: `${line}\n${line}\n`, documents: [] })).toThrow("same id");
  });
});
