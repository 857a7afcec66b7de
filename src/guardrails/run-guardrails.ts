/** The one place that runs the checks and decides what a finding, or a check that breaks, means for the request. */
import type { ChatMessage, ToolDefinition } from "../core/chat.ts";
import type { Clock } from "../core/clock.ts";
import type { Verdict } from "../core/verdict.ts";
import { GuardrailError } from "./guardrail-error.ts";
import { scoreByRules } from "./injection.ts";
import type { InjectionScore, InjectionScorer, InjectionText } from "./injection.ts";
import { createFilter } from "./output-filter.ts";
import type { OutputFilter } from "./output-filter.ts";
import type { GuardrailPolicy } from "./policy.ts";
import { redactJson } from "./redact-json.ts";
import { actionFor, dataRules, outputRules } from "./redaction.ts";
import { redactConversation, scoreConversation } from "./screen-messages.ts";
import type { SpanRule } from "./span-rule.ts";

export interface OutputContext {
  /** Addresses the user's messages and the sources mention (see `extractUrls`): the answer may repeat them as they stand. */
  allowedUrls: readonly string[];
}

/** Every method throws `GuardrailError`, with the verdicts so far, on a refusal and on a malfunction that the policy closes. */
export interface Guardrails {
  /** Screens the whole conversation; `tools` are the definitions the caller sent. */
  screenInput(
    messages: readonly ChatMessage[],
    tools?: readonly ToolDefinition[],
  ): { messages: ChatMessage[]; verdicts: Verdict[] };
  /** Says which retrieved texts may reach a model. Their text is not changed: citations point into it. */
  screenRetrieved(texts: readonly string[]): { keep: boolean[]; verdicts: Verdict[] };
  checkOutput(text: string, context: OutputContext): { text: string; verdicts: Verdict[] };
  createOutputFilter(context: OutputContext): OutputFilter;
  /** Redacts the arguments of a tool call, whole; valid JSON stays valid. */
  checkToolArguments(json: string): { json: string; verdicts: Verdict[] };
}

export interface GuardrailDeps {
  clock: Clock;
  /** Scorers beside the rules, e.g. a learned model; the highest score counts. */
  scorers?: readonly InjectionScorer[];
  /** Rules of the deployment, e.g. a canary or a sensitive term. */
  extraRules?: readonly SpanRule[];
}

export function createGuardrails(
  policy: GuardrailPolicy,
  { clock, scorers = [], extraRules = [] }: GuardrailDeps,
): Guardrails {
  const inputRules = dataRules(policy.input, extraRules);
  const answerRules = dataRules(policy.output, extraRules);
  const allScorers = [scoreByRules, ...scorers];

  function score(input: InjectionText): InjectionScore {
    const scores = allScorers.map((scorer) => scorer(input));
    return {
      score: Math.max(...scores.map((found) => found.score)),
      rules: [...new Set(scores.flatMap((found) => found.rules))],
    };
  }

  /** Open or closed: a closed check stops the request with an error that is not a refusal, an open one leaves a trace. */
  function onMalfunction(cause: unknown, verdicts: Verdict[]): void {
    if (policy.on_malfunction === "open") return;
    throw new GuardrailError(
      "internal",
      "A guardrail could not check this request, and the policy does not let unchecked text pass.",
      {
        cause,
        internal: `guardrail malfunction: ${verdicts.flatMap((verdict) => verdict.rules).join(", ")}`,
        verdicts,
      },
    );
  }

  /** Runs one check; when it breaks and the policy is open, `fallback` stands and the verdict asks for review. */
  function run<Result>(
    check: Pick<Verdict, "guardrail" | "stage">,
    earlier: readonly Verdict[],
    fallback: Result,
    work: () => { result: Result; verdict: Omit<Verdict, "guardrail" | "stage" | "durationMs"> },
  ): { result: Result; verdict: Verdict } {
    const startMs = clock();
    try {
      const { result, verdict } = work();
      return { result, verdict: { ...check, ...verdict, durationMs: clock() - startMs } };
    } catch (cause) {
      const rules = [`${check.guardrail}.malfunction`];
      const verdict: Verdict = {
        ...check,
        action: "review",
        rules,
        redactions: 0,
        score: null,
        durationMs: clock() - startMs,
      };
      onMalfunction(cause, [...earlier, { ...verdict, action: "refuse" }]);
      return { result: fallback, verdict };
    }
  }

  function refuseIf(param: string | null, verdicts: Verdict[]): void {
    if (param === null) return;
    const rules = verdicts.filter((verdict) => verdict.action === "refuse").flatMap((verdict) => verdict.rules);
    throw new GuardrailError("guardrail_refused", `The request was refused by the rules ${rules.join(", ")}.`, {
      param,
      verdicts,
    });
  }

  function injectionAction(score: number): Verdict["action"] {
    if (policy.input.injection === "off" || score < policy.review_at) return "pass";
    return policy.input.injection === "refuse" && score >= policy.refuse_at ? "refuse" : "review";
  }

  function screenInput(messages: readonly ChatMessage[], tools: readonly ToolDefinition[] = []) {
    const injection = run<string | null>({ guardrail: "injection", stage: "input" }, [], null, () => {
      const found = policy.input.injection === "off" ? [] : scoreConversation(messages, tools, score);
      const flagged = found.filter((finding) => injectionAction(finding.score) !== "pass");
      const refused = flagged.find((finding) => finding.mayRefuse && injectionAction(finding.score) === "refuse");
      const rules = [...new Set((refused === undefined ? flagged : [refused]).flatMap((finding) => finding.rules))];
      const highest = found.reduce((most, finding) => Math.max(most, finding.score), 0);
      const action = refused !== undefined ? "refuse" : flagged.length > 0 ? "review" : "pass";
      return { result: refused?.param ?? null, verdict: { action, rules, redactions: 0, score: highest } };
    });
    refuseIf(injection.result, [injection.verdict]);

    const untouched: { messages: ChatMessage[]; refusedAt: string | null } = {
      messages: [...messages],
      refusedAt: null,
    };
    const data = run({ guardrail: "sensitive_data", stage: "input" }, [injection.verdict], untouched, () => {
      const counts = new Map<string, number>();
      let refusedAt: string | null = null;
      const redacted = redactConversation(messages, inputRules, (param, found) => {
        for (const [id, count] of found) counts.set(id, (counts.get(id) ?? 0) + count);
        if (actionFor(found, inputRules, policy.input) === "refuse") refusedAt ??= param;
      });
      return { result: { messages: redacted, refusedAt }, verdict: dataVerdict(counts, inputRules, policy.input) };
    });
    refuseIf(data.result.refusedAt, [injection.verdict, data.verdict]);
    return { messages: data.result.messages, verdicts: [injection.verdict, data.verdict] };
  }

  function screenRetrieved(texts: readonly string[]) {
    const screened = run(
      { guardrail: "injection", stage: "retrieved" },
      [],
      texts.map(() => true),
      () => {
        const found = texts.map((text) => score({ text, origin: "data" }));
        const actions = found.map((finding) => injectionAction(finding.score));
        const action = actions.includes("refuse") ? "refuse" : actions.includes("review") ? "review" : "pass";
        const rules = [...new Set(found.flatMap((finding, index) => (actions[index] === "pass" ? [] : finding.rules)))];
        const highest = found.reduce((most, finding) => Math.max(most, finding.score), 0);
        return {
          result: actions.map((each) => each !== "refuse"),
          verdict: { action, rules, redactions: 0, score: highest },
        };
      },
    );
    return { keep: screened.result, verdicts: [screened.verdict] };
  }

  function createOutputFilter({ allowedUrls }: OutputContext): OutputFilter {
    const rules = [...outputRules(policy, allowedUrls), ...answerRules];
    return createFilter({ rules, policy, clock, onMalfunction });
  }

  return {
    screenInput,
    screenRetrieved,
    createOutputFilter,
    checkOutput(text, context) {
      const filter = createOutputFilter(context);
      const checked = filter.push(text) + filter.flush();
      return { text: checked, verdicts: filter.verdicts() };
    },
    checkToolArguments(json) {
      const { result, verdict } = run({ guardrail: "sensitive_data", stage: "output" }, [], json, () => {
        const { text, counts } = redactJson(json, answerRules);
        return { result: text, verdict: dataVerdict(counts, answerRules, policy.output) };
      });
      if (verdict.action !== "refuse") return { json: result, verdicts: [verdict] };
      const message = `The tool call was withheld by the rules ${verdict.rules.join(", ")}.`;
      throw new GuardrailError("guardrail_refused", message, { verdicts: [verdict] });
    },
  };
}

function dataVerdict(
  counts: ReadonlyMap<string, number>,
  rules: readonly SpanRule[],
  policy: Parameters<typeof actionFor>[2],
): Omit<Verdict, "guardrail" | "stage" | "durationMs"> {
  const redactions = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return { action: actionFor(counts, rules, policy), rules: [...counts.keys()], redactions, score: null };
}
