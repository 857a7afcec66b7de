import type { Verdict } from "../core/verdict.ts";
import { attribute } from "../telemetry/attributes.ts";
import type { Trace } from "../telemetry/trace.ts";

/** Spans of what the guardrails decided: ids and counts, never text. */
export function traceVerdicts(verdicts: readonly Verdict[], trace: Trace): void {
  for (const verdict of verdicts) {
    trace
      .startSpan(`run_guardrail ${verdict.guardrail}`, {
        attributes: {
          [attribute.guardrailStage]: verdict.stage,
          [attribute.guardrailAction]: verdict.action,
          [attribute.guardrailRules]: verdict.rules,
          [attribute.guardrailRedactions]: verdict.redactions,
        },
      })
      .end();
  }
}
