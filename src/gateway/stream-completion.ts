import type { ChatRequest, FinishReason, ToolCall } from "../core/chat.ts";
import { sha256Hex } from "../core/hash.ts";
import { newId } from "../core/ids.ts";
import type { StreamPart } from "../core/model.ts";
import { declinesToAnswer } from "../retrieval/answer.ts";
import { createCitationStream } from "../retrieval/citation-stream.ts";
import { codeOf, noUsage } from "./account-call.ts";
import { openModelStream, type ModelStream } from "./call-model.ts";
import { callWithFallback, type Attempt } from "./call-with-fallback.ts";
import type { Candidate } from "./choose-route.ts";
import { allowedUrls } from "./complete.ts";
import { describeAnswer, settleAnswered, type Answer, type Completion } from "./completion.ts";
import { ground, type Grounding } from "./ground.ts";
import { extractedAnswer, insufficientAnswer, isOutage, safeCitations } from "./last-resort.ts";
import { prepare, type Prepared } from "./prepare.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { traceVerdicts } from "./trace-verdicts.ts";
import { wait } from "./wait.ts";

/** A piece of a completion on its way to the client, checked. */
export type CompletionPart =
  | { type: "text-delta"; text: string }
  | { type: "refusal-delta"; text: string }
  | { type: "tool-call"; index: number; call: ToolCall }
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
  /** Cancelling it aborts the provider's call; whatever happens, the hold is settled once. */
  parts: ReadableStream<CompletionPart>;
}

/**
 * The streamed form of `complete`: the same steps in the same order. Resolves once the first token is there, so that what
 * fails before it is an ordinary error.
 */
export async function streamCompletion(
  request: ChatRequest,
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<StreamedCompletion> {
  const prepared = await prepare(request, scope, deps);
  const attempts: Attempt[] = [];
  try {
    const grounding = await ground(prepared, scope, deps);
    const source = await openSource(prepared, grounding, attempts, scope, deps);
    const id = newId("completion");
    const run = "answer" in source ? ready(source.answer) : relay(source, { prepared, grounding }, scope, deps);
    const parts = toStream(finish(run, { id, prepared, attempts }, scope, deps), () =>
      "answer" in source ? undefined : source.stream.abandon(),
    );
    const model = "answer" in source ? source.answer.model : source.candidate.card.id;
    return { id, createdMs: prepared.startMs, model, routeReason: prepared.plan.reason, parts };
  } catch (cause) {
    prepared.hold.settle({ outcome: codeOf(cause) });
    throw cause;
  }
}

type Source = { answer: Answer } | { stream: ModelStream; candidate: Candidate };

async function openSource(
  prepared: Prepared,
  grounding: Grounding | null,
  attempts: Attempt[],
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<Source> {
  if (grounding !== null && !grounding.sufficient) return { answer: insufficientAnswer(grounding) };
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
      attempt: (next) => openModelStream({ candidate: next, request, identity, hold }, scope, deps),
    });
    return { stream: value, candidate };
  } catch (cause) {
    if (grounding !== null && isOutage(cause)) return { answer: extractedAnswer(grounding, prepared, deps) };
    throw cause;
  }
}

type Run = AsyncGenerator<CompletionPart, Answer>;

/** An answer that is there already, as one piece. */
async function* ready(answer: Answer): Run {
  if (answer.content !== null) yield { type: "text-delta", text: answer.content };
  return answer;
}

/** Relays a model's stream: text leaves when no rule can match in it any more, and, when grounded, when its sentence is checked. */
async function* relay(
  { stream, candidate }: { stream: ModelStream; candidate: Candidate },
  { prepared, grounding }: { prepared: Prepared; grounding: Grounding | null },
  scope: RequestScope,
  deps: GatewayDeps,
): Run {
  const { hold, request } = prepared;
  const filter = deps.guardrails.createOutputFilter({ allowedUrls: allowedUrls(request, grounding) });
  const citing = grounding === null ? null : createCitationStream({ sentences: grounding.sentences });
  const calls = new Map<number, { id: string; name: string; arguments: string }>();
  let content = "";
  let generated = "";
  let refusal = "";
  let usage = noUsage;
  let finishReason: FinishReason = "stop";

  const release = (safe: string): CompletionPart[] => {
    generated += safe;
    const text = citing === null ? safe : citing.push(safe);
    content += text;
    return text === "" ? [] : [{ type: "text-delta", text }];
  };

  for (let part: StreamPart | null = await stream.next(); part !== null; part = await stream.next()) {
    switch (part.type) {
      case "start":
        break;
      case "text-delta":
        yield* release(filter.push(part.text));
        break;
      case "refusal-delta":
        refusal += part.text;
        break;
      case "tool-call-delta":
        appendToolCall(calls, part);
        break;
      case "finish":
        finishReason = part.reason;
        break;
      case "usage":
        usage = part.usage;
        break;
    }
  }
  yield* release(filter.flush());
  const checked = citing?.finish() ?? null;
  if (checked !== null && checked.released !== "") {
    content += checked.released;
    yield { type: "text-delta", text: checked.released };
  }

  const verdicts = [...filter.verdicts()];
  if (refusal !== "") {
    const safe = deps.guardrails.checkOutput(refusal, { allowedUrls: [] });
    verdicts.push(...safe.verdicts);
    refusal = safe.text;
    yield { type: "refusal-delta", text: refusal };
  }
  const toolCalls: ToolCall[] = [];
  for (const [index, call] of calls) {
    // Arguments are held back until they are whole: a rule cannot see half a JSON value.
    const safe = deps.guardrails.checkToolArguments(call.arguments, { allowedUrls: allowedUrls(request, grounding) });
    verdicts.push(...safe.verdicts);
    const toolCall: ToolCall = { id: call.id, type: "function", function: { name: call.name, arguments: safe.json } };
    toolCalls.push(toolCall);
    yield { type: "tool-call", index, call: toolCall };
  }
  hold.verdicts.push(...verdicts);
  traceVerdicts(verdicts, scope.trace);

  const answer: Answer = {
    model: candidate.card.id,
    content: content === "" && toolCalls.length > 0 ? null : content,
    refusal: refusal === "" ? null : refusal,
    toolCalls,
    finishReason,
    usage,
    generated: true,
    degraded: grounding?.degraded ?? false,
    grounding: "none",
    citations: [],
    unsupportedSentences: 0,
  };
  if (grounding === null || checked === null || toolCalls.length > 0) return answer;
  const { citations, supportedSentences, unsupportedSentences } = checked.result;
  if (supportedSentences > 0) {
    const checkedCitations = safeCitations(citations, grounding, deps.guardrails);
    return { ...answer, grounding: "grounded", citations: checkedCitations, unsupportedSentences };
  }
  // Nothing was shown yet, since nothing held: the sources speak for themselves.
  const fallback = declinesToAnswer(generated)
    ? insufficientAnswer(grounding)
    : extractedAnswer(grounding, prepared, deps);
  if (fallback.content !== null) yield { type: "text-delta", text: fallback.content };
  return { ...fallback, usage, unsupportedSentences };
}

function appendToolCall(
  calls: Map<number, { id: string; name: string; arguments: string }>,
  part: Extract<StreamPart, { type: "tool-call-delta" }>,
): void {
  const call = calls.get(part.index) ?? { id: "", name: "", arguments: "" };
  if (part.id !== undefined) call.id = part.id;
  if (part.name !== undefined) call.name = part.name;
  call.arguments += part.arguments;
  calls.set(part.index, call);
}

/** Ends a run: settled as answered, as failed, or as abandoned by the client. */
async function* finish(
  run: Run,
  { id, prepared, attempts }: { id: string; prepared: Prepared; attempts: Attempt[] },
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
    const answer = step.value;
    const completion: Completion = {
      id,
      createdMs: prepared.startMs,
      answer,
      parapet: describeAnswer(answer, prepared, attempts, scope, deps),
    };
    const outputHash = await sha256Hex(answer.content ?? "");
    outcome = "ok";
    settleAnswered(completion, outputHash, prepared, scope, deps);
    yield { type: "end", completion };
  } catch (cause) {
    outcome = codeOf(cause);
    prepared.hold.settle({ outcome });
    yield { type: "error", error: cause };
  } finally {
    prepared.hold.settle({ outcome });
  }
}

/** A generator as a stream that does nothing ahead of its reader; `abandon` unblocks a read that is under way. */
function toStream(
  parts: AsyncGenerator<CompletionPart>,
  abandon: () => Promise<void> | undefined,
): ReadableStream<CompletionPart> {
  return new ReadableStream<CompletionPart>(
    {
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await abandon();
        await parts.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
