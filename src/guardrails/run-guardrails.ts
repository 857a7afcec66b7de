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
import { isJson, redactJson } from "./redact-json.ts";
import { actionFor, addressRules, dataRules, outputRules } from "./redaction.ts";
import { scoreConversation, scoreField, scoreTools } from "./score-request.ts";
import { redactConversation } from "./screen-messages.ts";
import type { SpanRule } from "./span-rule.ts";

export interface OutputContext {
  /** Addresses the user's messages and the sources mention (see `extractUrls`): the answer may repeat them as they stand. */
  allowedUrls: readonly string[];
}

/** Every method throws `GuardrailError`, with the verdicts so far, on a refusal and on a malfunction that the policy closes. */
export interface Guardrails {
  /**
   * Scores everything and redacts the conversation. `tools` are the definitions the caller sent; `fields` are other fields of the
   * request that reach the model, by name (e.g. `response_format`, `stop`): their strings are scored. `redactValue` redacts both.
   * Neighbouring text parts of a message come back as one part.
   */
  screenInput(
    messages: readonly ChatMessage[],
    tools?: readonly ToolDefinition[],
    fields?: Readonly<Record<string, unknown>>,
  ): { messages: ChatMessage[]; verdicts: Verdict[] };
  /**
   * Redacts the strings and numbers in a JSON value that goes to the model; a number that is redacted becomes a string.
   * `undefined` passes through. `param` names the field in a refusal.
   */
  redactValue<T>(value: T, param?: string): { value: T; verdicts: Verdict[] };
  /** Says which retrieved texts may reach a model. Their text is not changed: citations point into it. */
  screenRetrieved(texts: readonly string[]): { keep: boolean[]; verdicts: Verdict[] };
  checkOutput(text: string, context: OutputContext): { text: string; verdicts: Verdict[] };
  createOutputFilter(context: OutputContext): OutputFilter;
  /** Checks a whole answer that should be JSON, in the strings it decodes to; valid JSON stays valid. Other text goes to `checkOutput`. */
  checkJsonAnswer(json: string, context: OutputContext): { text: string; verdicts: Verdict[] };
  /**
   * Redacts the arguments of a tool call, whole; valid JSON stays valid. With a context, an address of a host that is not allowed
   * leads to a verdict `review` (rule `exfiltration.tool_argument_url`): it stays, since tools are called with addresses.
   */
  checkToolArguments(json: string, context?: OutputContext): { json: string; verdicts: Verdict[] };
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

  function screenInput(
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[] = [],
    fields: Readonly<Record<string, unknown>> = {},
  ) {
    const injection = run<string | null>({ guardrail: "injection", stage: "input" }, [], null, () => {
      const inFields = () => Object.entries(fields).map(([param, value]) => scoreField(param, value, score));
      const found =
        policy.input.injection === "off"
          ? []
          : [...scoreConversation(messages, score), ...scoreTools(tools, score), ...inFields()];
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

  function redactValue<T>(value: T, param = "the request"): { value: T; verdicts: Verdict[] } {
    if (value === undefined) return { value, verdicts: [] };
    const { result, verdict } = run({ guardrail: "sensitive_data", stage: "input" }, [], value, () => {
      const { text, counts } = redactJson(JSON.stringify(value), inputRules);
      const redacted: T = counts.size === 0 ? value : JSON.parse(text);
      return { result: redacted, verdict: dataVerdict(counts, inputRules, policy.input) };
    });
    refuseIf(verdict.action === "refuse" ? param : null, [verdict]);
    return { value: result, verdicts: [verdict] };
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

  function checkOutput(text: string, context: OutputContext) {
    const filter = createOutputFilter(context);
    const checked = filter.push(text) + filter.flush();
    return { text: checked, verdicts: filter.verdicts() };
  }

  /** Throws when a verdict refuses. */
  function withholdIf(what: string, verdicts: Verdict[]): void {
    const refusing = verdicts.filter((verdict) => verdict.action === "refuse").flatMap((verdict) => verdict.rules);
    if (refusing.length === 0) return;
    const message = `The ${what} was withheld by the rules ${refusing.join(", ")}.`;
    throw new GuardrailError("guardrail_refused", message, { verdicts });
  }

  function checkJsonAnswer(json: string, context: OutputContext) {
    if (!isJson(json)) return checkOutput(json, context);
    const links = outputRules(policy, context.allowedUrls);
    const counted = (counts: ReadonlyMap<string, number>, rules: readonly SpanRule[]) =>
      new Map([...counts].filter(([id]) => rules.some((rule) => rule.id === id)));
    const data = run({ guardrail: "sensitive_data", stage: "output" }, [], { text: json, found: noCounts }, () => {
      // The order of the rules is that of a plain answer: an address that goes takes what is in it along.
      const { text, counts } = redactJson(json, [...links, ...answerRules]);
      const verdict = dataVerdict(counted(counts, answerRules), answerRules, policy.output);
      return { result: { text, found: counted(counts, links) }, verdict };
    });
    const exfiltration: Verdict = {
      guardrail: "exfiltration",
      stage: "output",
      durationMs: data.verdict.durationMs,
      ...dataVerdict(data.result.found, links, policy.output),
    };
    const verdicts = [data.verdict, exfiltration];
    withholdIf("answer", verdicts);
    return { text: data.result.text, verdicts };
  }

  function checkToolArguments(json: string, context?: OutputContext) {
    const data = run({ guardrail: "sensitive_data", stage: "output" }, [], json, () => {
      const { text, counts } = redactJson(json, answerRules);
      return { result: text, verdict: dataVerdict(counts, answerRules, policy.output) };
    });
    withholdIf("tool call", [data.verdict]);
    if (context === undefined) return { json: data.result, verdicts: [data.verdict] };
    const addresses = run({ guardrail: "exfiltration", stage: "output" }, [data.verdict], null, () => {
      const { counts } = redactJson(json, addressRules(policy, context.allowedUrls));
      const isFound = counts.size > 0;
      const rules = isFound ? ["exfiltration.tool_argument_url"] : [];
      return { result: null, verdict: { action: isFound ? "review" : "pass", rules, redactions: 0, score: null } };
    });
    return { json: data.result, verdicts: [data.verdict, addresses.verdict] };
  }

  return {
    screenInput,
    redactValue,
    screenRetrieved,
    createOutputFilter,
    checkOutput,
    checkJsonAnswer,
    checkToolArguments,
  };
}

const noCounts: ReadonlyMap<string, number> = new Map();

function dataVerdict(
  counts: ReadonlyMap<string, number>,
  rules: readonly SpanRule[],
  policy: Parameters<typeof actionFor>[2],
): Omit<Verdict, "guardrail" | "stage" | "durationMs"> {
  const redactions = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return { action: actionFor(counts, rules, policy), rules: [...counts.keys()], redactions, score: null };
}
