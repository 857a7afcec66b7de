/** The filter for one answer: redacts as it streams, refuses where the policy says so, and knows its verdicts. */
import type { Clock } from "../core/clock.ts";
import type { Verdict } from "../core/verdict.ts";
import { GuardrailError } from "./guardrail-error.ts";
import type { GuardrailPolicy } from "./policy.ts";
import { actionFor } from "./redaction.ts";
import type { SpanRule } from "./span-rule.ts";
import { createStreamFilter, pieceLength } from "./stream-filter.ts";

export interface OutputFilter {
  /** Takes the next piece of the answer; returns what may leave now. Throws `GuardrailError` on a refusal or a closed malfunction. */
  push(text: string): string;
  /** Ends the answer; returns what was held back. Throws as `push` does. */
  flush(): string;
  /** What was decided so far, one verdict a guardrail. */
  verdicts(): Verdict[];
  /** Characters held back at this moment. */
  readonly heldLength: number;
}

export interface OutputFilterOptions {
  rules: readonly SpanRule[];
  policy: GuardrailPolicy;
  clock: Clock;
  /** Decides what a failure of a rule means: throws, or returns and lets the text pass. */
  onMalfunction: (cause: unknown, verdicts: Verdict[]) => void;
}

export function createFilter({ rules, policy, clock, onMalfunction }: OutputFilterOptions): OutputFilter {
  const filter = createStreamFilter({ rules });
  let isBroken = false;
  let spentMs = 0;

  function verdicts(): Verdict[] {
    return ["sensitive_data", "exfiltration"].map((guardrail) => {
      const own = rules.filter(
        (rule) => (rule.group === "links" || rule.group === "images") === (guardrail === "exfiltration"),
      );
      const found = own.filter((rule) => filter.counts.has(rule.id));
      const action = actionFor(filter.counts, own, policy.output);
      return {
        guardrail,
        stage: "output",
        action: isBroken && action === "pass" ? "review" : action,
        rules: [...new Set(found.map((rule) => rule.id)), ...(isBroken ? [`${guardrail}.malfunction`] : [])],
        redactions: found.reduce((sum, rule) => sum + (filter.counts.get(rule.id) ?? 0), 0),
        score: null,
        durationMs: spentMs,
      };
    });
  }

  function guard(step: () => string): string {
    const startMs = clock();
    try {
      return step();
    } catch (cause) {
      isBroken = true;
      onMalfunction(cause, verdicts());
      return filter.release();
    } finally {
      spentMs += clock() - startMs;
    }
  }

  /** A span that the policy refuses ends the answer before any of it leaves. */
  function refuseIfAsked(): void {
    const decided = verdicts();
    const rulesFound = decided.filter((verdict) => verdict.action === "refuse").flatMap((verdict) => verdict.rules);
    if (rulesFound.length === 0) return;
    throw new GuardrailError("guardrail_refused", `The answer was withheld by the rules ${rulesFound.join(", ")}.`, {
      verdicts: decided,
    });
  }

  let refusalsChecked = 0;
  function step(run: () => string): string {
    if (isBroken) return run();
    const output = guard(run);
    if (filter.counts.size > refusalsChecked) refuseIfAsked();
    refusalsChecked = filter.counts.size;
    return output;
  }

  return {
    get heldLength() {
      return filter.heldLength;
    },
    push(text) {
      let output = "";
      for (let index = 0; index < text.length; index += pieceLength) {
        const piece = text.slice(index, index + pieceLength);
        output += isBroken ? piece : step(() => filter.push(piece));
      }
      return output;
    },
    flush: () => (isBroken ? "" : step(() => filter.flush())),
    verdicts,
  };
}
