import type { ChatMessage, ChatRequest } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import type { ChatResult } from "../core/model.ts";
import { sumUsage, upperBoundOf } from "../core/money.ts";
import { renderPrompt } from "../prompting/parse-prompt.ts";
import { problemsIn } from "./answer-contract.ts";
import { callModel } from "./call-model.ts";
import type { Attempt } from "./call-with-fallback.ts";
import type { Candidate } from "./choose-route.ts";
import { measurePrompt } from "./estimate-tokens.ts";
import type { Prepared } from "./prepare.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";

export interface Answered {
  result: ChatResult;
  candidate: Candidate;
  /** The request as the model got it. */
  request: ChatRequest;
}

/**
 * An answer in the form that was asked for: as it is, or after the model was shown, once, what is wrong with it. Throws
 * `structured_output_invalid` when that did not help. Both calls are billed, and counted in the answer's usage.
 */
export async function insistOnContract(
  answered: Answered,
  { prepared, attempts }: { prepared: Prepared; attempts: Attempt[] },
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<ChatResult> {
  const { contract, hold, identity } = prepared;
  const { result, candidate } = answered;
  const problems = problemsIn(result, contract);
  if (problems.length === 0) return result;
  const last = attempts[attempts.length - 1];
  if (last !== undefined) last.outcome = "structured_output_invalid";

  const request = withProblems(answered, problems, deps);
  await reserve(request, candidate, prepared).catch((cause: unknown) => {
    throw invalid(candidate, cause);
  });
  const repaired = await callModel({ candidate, request, identity, hold }, scope, deps);
  const isFit = problemsIn(repaired, contract).length === 0;
  attempts.push({ model: candidate.card.id, outcome: isFit ? "ok" : "structured_output_invalid" });
  if (!isFit) throw invalid(candidate);
  const usage = result.usage === null || repaired.usage === null ? null : sumUsage(result.usage, repaired.usage);
  return { ...repaired, usage };
}

function withProblems({ result, request }: Answered, problems: string[], deps: GatewayDeps): ChatRequest {
  const said = problems.map((problem) => `- ${problem}`).join("\n");
  const { toolCalls, content, thinking } = result;
  const answer: ChatMessage = {
    role: "assistant",
    content: content ?? (toolCalls.length > 0 ? null : ""),
    ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
    ...(thinking === undefined ? {} : { thinking_blocks: thinking }),
  };
  const told: ChatMessage[] =
    toolCalls.length === 0
      ? [{ role: "user", content: renderPrompt(deps.prompts.current("repair-answer").user, { problems: said }) }]
      : toolCalls.map((call) => ({
          role: "tool",
          tool_call_id: call.id,
          content: renderPrompt(deps.prompts.current("repair-tool-call").user, { problems: said }),
        }));
  return { ...request, stream: false, messages: [...request.messages, answer, ...told] };
}

async function reserve(request: ChatRequest, { card, maxOutputTokens }: Candidate, { hold }: Prepared): Promise<void> {
  const input = measurePrompt(request).bound;
  const extraMicros = card.price === null ? 0 : upperBoundOf({ input, output: maxOutputTokens }, card.price);
  await hold.rebound({
    costMicros: hold.costMicros + extraMicros,
    tokens: hold.bound.tokens + input + maxOutputTokens,
  });
}

function invalid({ card }: Candidate, cause?: unknown): AppError {
  return new AppError(
    "structured_output_invalid",
    `${card.id} did not answer in the form that was asked for, ${cause === undefined ? "even after it was told what is wrong" : "and the budget does not cover a second try"}.`,
    { cause },
  );
}
