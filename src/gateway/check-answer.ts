import { textOf, type ChatRequest, type ThinkingBlock, type ToolCall } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import type { ChatResult } from "../core/model.ts";
import type { Verdict } from "../core/verdict.ts";
import { GuardrailError } from "../guardrails/guardrail-error.ts";
import type { Guardrails } from "../guardrails/run-guardrails.ts";
import { extractUrls } from "../guardrails/url-policy.ts";
import { declinesToAnswer } from "../retrieval/answer.ts";
import { checkCitations } from "../retrieval/cite.ts";
import { problemsIn, type AnswerContract } from "./answer-contract.ts";
import type { Candidate } from "./choose-route.ts";
import type { Answer } from "./completion.ts";
import type { Grounding } from "./ground.ts";
import { extractedAnswer, insufficientAnswer, safeCitations } from "./last-resort.ts";
import type { Prepared } from "./prepare.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { traceVerdicts } from "./trace-verdicts.ts";

/** Nothing leaves unchecked: secrets, personal data and links first, then every sentence's citation. */
export function checkAnswer(
  { result, candidate, grounding }: { result: ChatResult; candidate: Candidate; grounding: Grounding | null },
  prepared: Prepared,
  scope: RequestScope,
  deps: GatewayDeps,
): Answer {
  const { hold, request, contract } = prepared;
  const verdicts: Verdict[] = [];
  const context = { allowedUrls: allowedUrls(request, grounding) };
  // What is redacted in a JSON answer leaves it JSON, and what is escaped in it is seen.
  const output = contract.isJson
    ? deps.guardrails.checkJsonAnswer(result.content ?? "", context)
    : deps.guardrails.checkOutput(result.content ?? "", context);
  verdicts.push(...output.verdicts);
  const { refusal, toolCalls, verdicts: restVerdicts } = checkRest(result, context, deps.guardrails);
  verdicts.push(...restVerdicts);
  const thinking = (result.thinking ?? []).flatMap((block) => {
    const checked = checkThinking(block, context, deps.guardrails);
    verdicts.push(...checked.verdicts);
    return checked.block === null ? [] : [checked.block];
  });
  hold.verdicts.push(...verdicts);
  traceVerdicts(verdicts, scope.trace);
  refuseBroken({ ...result, content: result.content === null ? null : output.text, toolCalls }, contract, verdicts);

  const answer: Answer = {
    model: candidate.card.id,
    content: result.content === null ? null : output.text,
    refusal,
    toolCalls,
    thinking,
    // The tokens spell out what was redacted, and what no source supports.
    logprobs: grounding === null && output.text === (result.content ?? "") ? (result.logprobs ?? null) : null,
    finishReason: result.finishReason,
    stopSequence: result.stopSequence ?? null,
    usage: requireUsage(result),
    generated: true,
    degraded: grounding?.degraded ?? false,
    grounding: "none",
    citations: [],
    unsupportedSentences: 0,
  };
  if (grounding === null || toolCalls.length > 0) return answer;
  if (declinesToAnswer(output.text)) return { ...insufficientAnswer(grounding), usage: answer.usage };
  const checked = checkCitations({ answerText: output.text, sentences: grounding.sentences });
  if (checked.supportedSentences === 0) {
    return {
      ...extractedAnswer(grounding, prepared, deps),
      usage: answer.usage,
      unsupportedSentences: checked.unsupportedSentences,
    };
  }
  return {
    ...answer,
    content: checked.text,
    // What a model thought about the sources cites none of them.
    thinking: [],
    grounding: "grounded",
    citations: safeCitations(checked.citations, grounding, deps.guardrails),
    unsupportedSentences: checked.unsupportedSentences,
  };
}

/** What of an answer only leaves whole, streamed or not: its refusal and its tool calls. */
export function checkRest(
  result: Pick<ChatResult, "refusal" | "toolCalls">,
  context: { allowedUrls: string[] },
  guardrails: Guardrails,
): { refusal: string | null; toolCalls: ToolCall[]; verdicts: Verdict[] } {
  const refusal = result.refusal === null ? null : guardrails.checkOutput(result.refusal, { allowedUrls: [] });
  const verdicts = [...(refusal?.verdicts ?? [])];
  const toolCalls = result.toolCalls.map((call) => {
    const checked = guardrails.checkToolArguments(call.function.arguments, context);
    verdicts.push(...checked.verdicts);
    return { ...call, function: { ...call.function, arguments: checked.json } };
  });
  return { refusal: refusal?.text ?? null, toolCalls, verdicts };
}

/** A block whose text had to be changed has lost its signature's meaning: it is withheld. */
function checkThinking(
  block: ThinkingBlock,
  context: { allowedUrls: string[] },
  guardrails: Guardrails,
): { block: ThinkingBlock | null; verdicts: Verdict[] } {
  if (block.type === "redacted_thinking") return { block, verdicts: [] };
  const { text, verdicts } = guardrails.checkOutput(block.thinking, context);
  const found = verdicts.filter((verdict) => verdict.action !== "pass");
  return { block: text === block.thinking ? block : null, verdicts: found };
}

/** The form holds for what the caller gets, not for what the model wrote. */
export function refuseBroken(result: ChatResult, contract: AnswerContract, verdicts: Verdict[]): void {
  const rules = verdicts.filter((verdict) => verdict.action === "redact").flatMap((verdict) => verdict.rules);
  if (rules.length === 0 || problemsIn(result, contract).length === 0) return;
  const message = `What the rules ${rules.join(", ")} had to redact leaves no answer of the form that was asked for.`;
  throw new GuardrailError("guardrail_refused", message, { verdicts });
}

/** URLs the caller wrote, and those in the sources, may stand in the answer. */
export function allowedUrls(request: ChatRequest, grounding: Grounding | null): string[] {
  return [...request.messages.flatMap((message) => extractUrls(textOf(message))), ...(grounding?.allowedUrls ?? [])];
}

function requireUsage(result: ChatResult) {
  if (result.usage !== null) return result.usage;
  throw new AppError("internal", "Something went wrong on our side.", { internal: "callModel returns usage" });
}
