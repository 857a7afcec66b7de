/** What a guardrail decided about one text. */
export const verdictActions = ["pass", "redact", "refuse", "review"] as const;
export type VerdictAction = (typeof verdictActions)[number];

export type GuardrailStage = "input" | "output" | "retrieved";

/** Holds rule ids, counts and times, never the text: verdicts are logged, traced and audited. */
export interface Verdict {
  guardrail: string;
  stage: GuardrailStage;
  action: VerdictAction;
  /** Ids of the rules that fired, e.g. `injection.ignore_previous`, `pii.card`. */
  rules: string[];
  /** How many spans were redacted. */
  redactions: number;
  /** From 0 (harmless) to 1 (certain), where the check gives one. */
  score: number | null;
  durationMs: number;
}
