import { textOf, type ChatRequest } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { newId } from "../core/ids.ts";
import type { ChatResult } from "../core/model.ts";
import { extractUrls } from "../guardrails/url-policy.ts";
import { declinesToAnswer } from "../retrieval/answer.ts";
import { checkCitations } from "../retrieval/cite.ts";
import { codeOf } from "./account-call.ts";
import { callModel } from "./call-model.ts";
import { callWithFallback, type Attempt } from "./call-with-fallback.ts";
import type { Candidate } from "./choose-route.ts";
import { describeAnswer, settleAnswered, type Answer, type Completion } from "./completion.ts";
import { ground, type Grounding } from "./ground.ts";
import { extractedAnswer, insufficientAnswer, isOutage, safeCitations } from "./last-resort.ts";
import { prepare, type Prepared } from "./prepare.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { traceVerdicts } from "./trace-verdicts.ts";
import { wait } from "./wait.ts";

/** A chat completion, whole: screened, admitted, grounded, routed, answered, checked, settled. */
export async function complete(request: ChatRequest, scope: RequestScope, deps: GatewayDeps): Promise<Completion> {
  const prepared = await prepare(request, scope, deps); // refusals that cost nothing, the route, then limits and budget
  const attempts: Attempt[] = [];
  try {
    const grounding = await ground(prepared, scope, deps); // only when a collection is named; inside the hold
    const answer = await answerFrom(prepared, grounding, attempts, scope, deps);
    const completion = {
      id: newId("completion"),
      createdMs: prepared.startMs,
      answer,
      parapet: describeAnswer(answer, prepared, attempts, scope, deps),
    };
    settleAnswered(completion, await sha256Hex(answer.content ?? ""), prepared, scope, deps);
    return completion;
  } catch (cause) {
    prepared.hold.settle({ outcome: codeOf(cause) });
    throw cause;
  }
}

async function answerFrom(
  prepared: Prepared,
  grounding: Grounding | null,
  attempts: Attempt[],
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<Answer> {
  if (grounding !== null && !grounding.sufficient) return insufficientAnswer(grounding);
  const { plan, hold, identity, promptBound } = prepared;
  const request = grounding?.request ?? prepared.request;
  try {
    const { value, candidate } = await callWithFallback({
      plan,
      hold,
      promptBound,
      attempts,
      signal: scope.signal,
      wait,
      random: Math.random,
      attempt: (next) => callModel({ candidate: next, request, identity, hold }, scope, deps),
    });
    return checkAnswer({ result: value, candidate, grounding }, prepared, scope, deps);
  } catch (cause) {
    if (grounding !== null && isOutage(cause)) return extractedAnswer(grounding, prepared, deps);
    throw cause;
  }
}

/** Nothing leaves unchecked: secrets, personal data and links first, then every sentence's citation. */
function checkAnswer(
  { result, candidate, grounding }: { result: ChatResult; candidate: Candidate; grounding: Grounding | null },
  prepared: Prepared,
  scope: RequestScope,
  deps: GatewayDeps,
): Answer {
  const { hold, request } = prepared;
  const verdictsFrom = hold.verdicts.length;
  const context = { allowedUrls: allowedUrls(request, grounding) };
  const isJson = request.response_format !== undefined && request.response_format.type !== "text";
  // What is redacted in a JSON answer leaves it JSON, and what is escaped in it is seen.
  const output = isJson
    ? deps.guardrails.checkJsonAnswer(result.content ?? "", context)
    : deps.guardrails.checkOutput(result.content ?? "", context);
  hold.verdicts.push(...output.verdicts);
  const refusal = result.refusal === null ? null : deps.guardrails.checkOutput(result.refusal, { allowedUrls: [] });
  hold.verdicts.push(...(refusal?.verdicts ?? []));
  const toolCalls = result.toolCalls.map((call) => {
    const checked = deps.guardrails.checkToolArguments(call.function.arguments, context);
    hold.verdicts.push(...checked.verdicts);
    return { ...call, function: { ...call.function, arguments: checked.json } };
  });
  traceVerdicts(hold.verdicts.slice(verdictsFrom), scope.trace);

  const answer: Answer = {
    model: candidate.card.id,
    content: result.content === null ? null : output.text,
    refusal: refusal?.text ?? null,
    toolCalls,
    finishReason: result.finishReason,
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
    grounding: "grounded",
    citations: safeCitations(checked.citations, grounding, deps.guardrails),
    unsupportedSentences: checked.unsupportedSentences,
  };
}

/** URLs the caller wrote, and those in the sources, may stand in the answer. */
export function allowedUrls(request: ChatRequest, grounding: Grounding | null): string[] {
  return [...request.messages.flatMap((message) => extractUrls(textOf(message))), ...(grounding?.allowedUrls ?? [])];
}

function requireUsage(result: ChatResult) {
  if (result.usage !== null) return result.usage;
  throw new AppError("internal", "Something went wrong on our side.", { internal: "callModel returns usage" });
}
