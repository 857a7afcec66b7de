import type { ChatRequest, ChoiceLogprob, ToolCall } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { newId } from "../core/ids.ts";
import type { StreamPart } from "../core/model.ts";
import { declinesToAnswer } from "../retrieval/answer.ts";
import { createCitationStream } from "../retrieval/citation-stream.ts";
import { codeOf, noUsage } from "./account-call.ts";
import type { Attempt } from "./call-with-fallback.ts";
import { claimFor, describeClaim, type CacheOutcome } from "./claim-for.ts";
import { allowedUrls, checkAnswer, checkRest, refuseBroken } from "./check-answer.ts";
import { collectParts } from "./collect-parts.ts";
import { answerFrom } from "./complete.ts";
import { describeAnswer, settleAnswered, type Answer, type Completion, type Origin } from "./completion.ts";
import { withDeadline } from "./deadline.ts";
import { fallbackContext } from "./fallback-context.ts";
import { ground, type Grounding } from "./ground.ts";
import { extractedAnswer, insufficientAnswer, isOutage, safeCitations } from "./last-resort.ts";
import { createOutputText } from "./output-text.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { insistOnContract } from "./repair-answer.ts";
import type { ClaimedAnswer } from "./response-cache.ts";
import { openResilientStream, type ResilientStream } from "./resume-stream.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { toTimedStream } from "./timed-stream.ts";
import { createThinkingRelay, type ThinkingPart } from "./thinking-relay.ts";
import { traceVerdicts } from "./trace-verdicts.ts";

/** A piece of a completion on its way to the client, checked. */
export type CompletionPart =
  | { type: "text-delta"; text: string }
  | { type: "refusal-delta"; text: string }
  | { type: "tool-call"; index: number; call: ToolCall }
  | ThinkingPart
  /** Of all text of the answer. */
  | { type: "logprobs"; content: ChoiceLogprob[] }
  /** The last part of a stream that succeeded. */
  | { type: "end"; completion: Completion }
  /** The last part of one that failed after its first token. */
  | { type: "error"; error: unknown };

export interface StreamedCompletion {
  id: string;
  createdMs: number;
  /** `provider/model` of the answer. */
  model: string;
  routeReason: string;
  cache: CacheOutcome;
  /** Cancelling it aborts the provider's call; whatever happens, the hold is settled once. */
  parts: ReadableStream<CompletionPart>;
}

/**
 * The streamed form of `complete`: the same steps in the same order. Resolves once the first token is there, so that what
 * fails before it is an ordinary error.
 */
export async function streamCompletion(
  request: ChatRequest,
  asking: RequestScope,
  deps: GatewayDeps,
): Promise<StreamedCompletion> {
  const scope = withDeadline(asking, request, deps);
  const prepared = await prepare(request, scope, deps);
  const attempts: Attempt[] = [];
  let claimed: ClaimedAnswer = { off: true };
  try {
    const grounding = await ground(prepared, scope, deps);
    claimed = await claimFor(prepared, grounding, scope, deps);
    const origin = { attempts, ...describeClaim(claimed) };
    const source: Source =
      "hit" in claimed ? { answer: claimed.hit.answer } : await openSource(prepared, grounding, attempts, scope, deps);
    const id = newId("completion");
    const run =
      "answer" in source ? ready(source.answer) : relay(source, { prepared, grounding, attempts }, scope, deps);
    const abandon = async (cause?: AppError) => {
      // A stream that has failed already refuses to be cancelled, with what it failed with.
      if ("stream" in source) await source.stream.abandon(cause).catch(() => undefined);
    };
    const parts = toTimedStream(finish(run, { id, prepared, origin, claimed, abandon }, scope, deps), {
      deadlineMs: scope.deadlineMs ?? deps.clock() + deps.totalTimeoutMs,
      clock: deps.clock,
      abandon,
    });
    const model = "answer" in source ? source.answer.model : source.candidate().card.id;
    return { id, createdMs: prepared.startMs, model, routeReason: prepared.plan.reason, cache: origin.cache, parts };
  } catch (cause) {
    if ("lead" in claimed) claimed.lead.release();
    prepared.hold.settle({ outcome: codeOf(cause) });
    throw cause;
  }
}

interface ModelSource extends ResilientStream {
  /** As the model got it. */
  request: ChatRequest;
}

type Source = { answer: Answer } | ModelSource;

async function openSource(
  prepared: Prepared,
  grounding: Grounding | null,
  attempts: Attempt[],
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<Source> {
  if (grounding !== null && !grounding.sufficient) return { answer: insufficientAnswer(grounding) };
  // Half of a JSON answer cannot be checked, and none can be taken back: it leaves whole, when it is known to fit.
  if (prepared.contract.isJson) return { answer: await answerFrom(prepared, grounding, attempts, scope, deps) };
  const { plan, hold, identity, promptBound } = prepared;
  const request = grounding?.request ?? prepared.request;
  try {
    const opened = await openResilientStream(
      { ...fallbackContext(scope, deps), plan, hold, promptBound, attempts, request, identity },
      scope,
      deps,
    );
    return { ...opened, request };
  } catch (cause) {
    if (grounding !== null && isOutage(cause)) return { answer: extractedAnswer(grounding, prepared, deps) };
    throw cause;
  }
}

interface Ended {
  answer: Answer;
  outputHash: string;
  /** All of its text is in `answer`. */
  isWhole: boolean;
}

type Run = AsyncGenerator<CompletionPart, Ended>;

/** An answer that is there already, each of its parts in one piece. */
async function* ready(answer: Answer): Run {
  for (const block of answer.thinking) yield { type: "thinking-end", block };
  if (answer.content !== null) yield { type: "text-delta", text: answer.content };
  if (answer.refusal !== null) yield { type: "refusal-delta", text: answer.refusal };
  for (const [index, call] of answer.toolCalls.entries()) yield { type: "tool-call", index, call };
  if (answer.logprobs !== null) yield { type: "logprobs", content: answer.logprobs };
  return { answer, outputHash: await sha256Hex(answer.content ?? ""), isWhole: true };
}

/** Relays a model's stream: text leaves when no rule can match in it any more, and, when grounded, when its sentence is checked. */
async function* relay(
  { stream, candidate, request: sent }: ModelSource,
  { prepared, grounding, attempts }: { prepared: Prepared; grounding: Grounding | null; attempts: Attempt[] },
  scope: RequestScope,
  deps: GatewayDeps,
): Run {
  const { hold, request } = prepared;
  const context = { allowedUrls: allowedUrls(request, grounding) };
  const filter = deps.guardrails.createOutputFilter(context);
  const thoughts = createThinkingRelay(context, deps.guardrails);
  const citing = grounding === null ? null : createCitationStream({ sentences: grounding.sentences });
  const collected = collectParts();
  const content = createOutputText();
  // Only a grounded answer is read again, and its length is bounded by what it may generate.
  let generated = "";
  let arrived = 0;

  const release = (safe: string): CompletionPart[] => {
    if (citing !== null) generated += safe;
    const text = citing === null ? safe : citing.push(safe);
    content.add(text);
    return text === "" ? [] : [{ type: "text-delta", text }];
  };

  for (let part: StreamPart | null = await stream.next(); part !== null; part = await stream.next()) {
    collected.add(part);
    if (part.type === "text-delta") {
      arrived += part.text.length;
      yield* release(filter.push(part.text));
    }
    // What a model thinks about sources cites none of them, so it is not shown.
    else if (grounding === null) yield* thoughts.push(part);
  }
  yield* release(filter.flush());
  const checked = citing?.finish() ?? null;
  if (checked !== null && checked.released !== "") {
    content.add(checked.released);
    yield { type: "text-delta", text: checked.released };
  }
  hold.verdicts.push(...filter.verdicts());
  traceVerdicts(filter.verdicts(), scope.trace);

  const streamed = collected.result();
  // Text has left already; what may still be put right are the tool calls, which are held back until they are whole.
  const isCall = streamed.toolCalls.length > 0;
  const result = isCall
    ? await insistOnContract(
        { result: streamed, candidate: candidate(), request: sent },
        { prepared, attempts },
        scope,
        deps,
      )
    : streamed;
  // A call may be put right by an answer in words, of which nothing has left.
  if (isCall && result.toolCalls.length === 0 && content.length === 0)
    return yield* ready(checkAnswer({ result, candidate: candidate(), grounding }, prepared, scope, deps));
  const rest = checkRest(result, context, deps.guardrails);
  hold.verdicts.push(...rest.verdicts);
  traceVerdicts(rest.verdicts, scope.trace);
  if (rest.toolCalls.length > 0)
    refuseBroken({ ...result, toolCalls: rest.toolCalls }, prepared.contract, rest.verdicts);
  if (rest.refusal !== null) yield { type: "refusal-delta", text: rest.refusal };
  for (const [index, call] of rest.toolCalls.entries()) yield { type: "tool-call", index, call };
  // The tokens spell out what was redacted, and what no source supports.
  const isUnchanged = content.length === arrived && filter.verdicts().every((verdict) => verdict.redactions === 0);
  const logprobs = grounding === null && isUnchanged ? (streamed.logprobs ?? null) : null;
  if (logprobs !== null) yield { type: "logprobs", content: logprobs };

  const answer: Answer = {
    model: candidate().card.id,
    content: content.length === 0 && isCall ? null : content.kept(),
    refusal: rest.refusal,
    toolCalls: rest.toolCalls,
    thinking: thoughts.blocks(),
    logprobs,
    finishReason: result.finishReason,
    stopSequence: result.stopSequence ?? null,
    usage: result.usage ?? noUsage,
    generated: true,
    degraded: grounding?.degraded ?? false,
    grounding: "none",
    citations: [],
    unsupportedSentences: 0,
  };
  const outputHash = await content.hash();
  const isWhole = content.kept().length === content.length;
  if (grounding === null || checked === null || isCall) return { answer, outputHash, isWhole };
  const { citations, supportedSentences, unsupportedSentences } = checked.result;
  if (supportedSentences > 0) {
    const checkedCitations = safeCitations(citations, grounding, deps.guardrails);
    return {
      answer: { ...answer, grounding: "grounded", citations: checkedCitations, unsupportedSentences },
      outputHash,
      isWhole,
    };
  }
  // Nothing was shown yet, since nothing held: the sources speak for themselves.
  const fallback = declinesToAnswer(generated)
    ? insufficientAnswer(grounding)
    : extractedAnswer(grounding, prepared, deps);
  return yield* ready({ ...fallback, usage: answer.usage, unsupportedSentences });
}

/** Ends a run: settled as answered, as failed, or as abandoned by the client. */
async function* finish(
  run: Run,
  {
    id,
    prepared,
    origin,
    claimed,
    abandon,
  }: {
    id: string;
    prepared: Prepared;
    origin: Origin;
    claimed: ClaimedAnswer;
    abandon: (cause?: AppError) => Promise<void>;
  },
  scope: RequestScope,
  deps: GatewayDeps,
): AsyncGenerator<CompletionPart> {
  let outcome = "client_closed_request";
  try {
    let step = await run.next();
    while (step.done !== true) {
      yield step.value;
      step = await run.next();
    }
    const { answer, outputHash, isWhole } = step.value;
    const completion: Completion = {
      id,
      createdMs: prepared.startMs,
      answer,
      parapet: describeAnswer(answer, origin, prepared, scope, deps),
    };
    outcome = "ok";
    // Of an answer too long to be kept whole, nothing is.
    if ("lead" in claimed && isWhole) void claimed.lead.keep(answer);
    settleAnswered(completion, { outputHash, cachedFrom: origin.cachedFrom }, prepared, scope, deps);
    yield { type: "end", completion };
  } catch (cause) {
    outcome = codeOf(cause);
    // What broke may be ours: the provider need not write on.
    await abandon(cause instanceof AppError ? cause : undefined);
    prepared.hold.settle({ outcome });
    yield { type: "error", error: cause };
  } finally {
    if ("lead" in claimed) claimed.lead.release();
    prepared.hold.settle({ outcome });
  }
}
