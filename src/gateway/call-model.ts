import { AppError, type ErrorCode } from "../core/errors.ts";
import type { ChatRequest } from "../core/chat.ts";
import type { ChatResult, ModelCall, StreamPart } from "../core/model.ts";
import type { TokenUsage } from "../core/money.ts";
import { answerTooLong, isBounded } from "../providers/bound-answer.ts";
import { attribute } from "../telemetry/attributes.ts";
import type { Span } from "../telemetry/trace.ts";
import { codeOf, noUsage, usageOfFailure, usageRow, type CallIdentity } from "./account-call.ts";
import type { Candidate } from "./choose-route.ts";
import { providerAttribute } from "./embed-texts.ts";
import { endFailedCall } from "./end-failed-call.ts";
import { measurePrompt } from "./estimate-tokens.ts";
import type { Hold } from "./hold.ts";
import { createOutputText, type OutputText } from "./output-text.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { outcomeOf, type Permit } from "./upstreams.ts";

export interface ModelAttempt {
  candidate: Candidate;
  request: ChatRequest;
  identity: CallIdentity;
  hold: Hold;
  /** Hears how the call went; absent for calls that nobody chose a model for. */
  permit?: Permit;
  /** Tokens of the same answer that came before this call. */
  tokensBefore?: number;
}

/** One attempt at a whole answer: one span, one usage row, whatever comes of it. */
export async function callModel(attempt: ModelAttempt, scope: RequestScope, deps: GatewayDeps): Promise<ChatResult> {
  const account = openAccount(attempt, scope, deps, { isStream: false });
  try {
    const result = await deps.models.chatModelFor(attempt.candidate.card).chat(account.call);
    if (!isBounded(result)) {
      // Whoever writes that much has written all it may: counting it would take as long as searching it.
      const tokens = () => result.usage?.outputTokens ?? attempt.candidate.maxOutputTokens;
      throw account.fail(answerTooLong(), { output: { tokens }, thought: { tokens: () => 0 } });
    }
    const output = createOutputText();
    output.add([result.content ?? "", ...result.toolCalls.map((call) => call.function.arguments)].join(""));
    const thought = createOutputText();
    for (const block of result.thinking ?? []) if (block.type === "thinking") thought.add(block.thinking);
    const usage = result.usage ?? account.estimate({ output, thought });
    account.span.set({ [attribute.responseId]: result.id, [attribute.responseModel]: result.model });
    await account.close({ usage, output, finishReason: result.finishReason });
    return { ...result, usage };
  } catch (cause) {
    throw account.fail(cause, null);
  }
}

/** A running stream, accounted for as it is read. */
export interface ModelStream {
  /** Reads the next part, among them always a `usage`; `null` at the end. Throws what the provider's failure became. */
  next(): Promise<StreamPart | null>;
  /** Aborts the provider's call and books what was counted: for a client that has left, unless another cause is named. */
  abandon(cause?: AppError): Promise<void>;
  /** What was booked of a stream that is over. */
  booked(): TokenUsage;
}

/** One attempt at a stream. Resolves once the first token is there, so that a failure before it can be routed around. */
export async function openModelStream(
  attempt: ModelAttempt,
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<ModelStream> {
  const account = openAccount(attempt, scope, deps, { isStream: true });
  const ahead: StreamPart[] = [];
  let reader: ReadableStreamDefaultReader<StreamPart>;
  try {
    reader = (await deps.models.chatModelFor(attempt.candidate.card).stream(account.call)).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw incomplete();
      ahead.push(value);
      if (value.type !== "start") break;
    }
  } catch (cause) {
    throw account.fail(cause, null);
  }
  // It talks again: the others need not wait for the end of this answer.
  if (attempt.permit?.isProbe === true) attempt.permit.end("alive");

  const output = createOutputText();
  const thought = createOutputText();
  let usage: TokenUsage | null = null;
  let finishReason: string | null = null;
  const firstTokenMs = deps.clock();

  const observe = (part: StreamPart) => {
    if (part.type === "start")
      account.span.set({ [attribute.responseId]: part.id, [attribute.responseModel]: part.model });
    if (part.type === "text-delta" || part.type === "refusal-delta") output.add(part.text);
    if (part.type === "tool-call-delta") output.add(part.arguments);
    if (part.type === "thinking-delta") thought.add(part.text);
    if (part.type === "usage") usage = part.usage;
    if (part.type === "finish") finishReason = part.reason;
    // Four characters a token is close enough for a heartbeat; the settlement counts properly.
    attempt.hold.progress((attempt.tokensBefore ?? 0) + Math.ceil((output.length + thought.length) / 4));
    return part;
  };

  let left: AppError | null = null;

  return {
    async next() {
      const waiting = ahead.shift();
      if (waiting !== undefined) return observe(waiting);
      try {
        const { done, value } = await reader.read();
        if (left !== null) throw left;
        if (!done) return observe(value);
        if (finishReason === null) throw incomplete();
      } catch (cause) {
        throw account.fail(cause, { output, thought }, firstTokenMs);
      }
      if (usage !== null) {
        await account.close({ usage, output, finishReason, firstTokenMs });
        return null;
      }
      // The provider gave no count: ours is the stream's last part, and the next read ends it.
      return observe({ type: "usage", usage: account.estimate({ output, thought }) });
    },
    async abandon(cause = new AppError("client_closed_request", "The client closed the connection.")) {
      left = cause;
      account.fail(left, { output, thought }, firstTokenMs);
      await reader.cancel(left);
    },
    booked: () => account.booked(),
  };
}

/** What came of an answer: providers bill what a model thinks like what it says. */
interface Seen {
  output: Pick<OutputText, "tokens">;
  thought: Pick<OutputText, "tokens">;
}

interface Account {
  call: ModelCall;
  span: Span;
  estimate(seen: Seen): TokenUsage;
  close(end: {
    usage: TokenUsage;
    output: OutputText;
    finishReason: string | null;
    firstTokenMs?: number;
  }): Promise<void>;
  booked(): TokenUsage;
  /** Books a failure once and gives the error back. */
  fail(cause: unknown, seen: Seen | null, firstTokenMs?: number): unknown;
}

function openAccount(
  { candidate, request, identity, hold, permit }: ModelAttempt,
  scope: RequestScope,
  deps: GatewayDeps,
  { isStream }: { isStream: boolean },
): Account {
  const { card, maxOutputTokens } = candidate;
  const startMs = deps.clock();
  const inputTokens = measurePrompt(request).expected;
  const deadlineMs = scope.deadlineMs ?? startMs + deps.totalTimeoutMs;
  // Then no provider is asked at all.
  const hadLeft = scope.signal.aborted;
  let closed = false;
  let bookedUsage = noUsage;
  const span = scope.trace.startSpan(`chat ${card.name}`, {
    kind: "client",
    attributes: {
      [attribute.operationName]: "chat",
      [attribute.providerName]: providerAttribute(card),
      [attribute.requestModel]: card.name,
      [attribute.requestMaxTokens]: maxOutputTokens,
      [attribute.requestStream]: request.stream === true,
      ...(typeof request.temperature === "number" ? { [attribute.requestTemperature]: request.temperature } : {}),
      ...(typeof request.top_p === "number" ? { [attribute.requestTopP]: request.top_p } : {}),
      ...(typeof request.seed === "number" ? { [attribute.requestSeed]: request.seed } : {}),
      ...(identity.prompt === null
        ? {}
        : { [attribute.promptName]: identity.prompt.name, [attribute.promptVersion]: identity.prompt.version }),
    },
  });
  const book = (facts: {
    usage: TokenUsage;
    firstTokenMs?: number | undefined;
    outputHash: string | null;
    outcome: "ok" | ErrorCode;
    /** Which timeout ended the call. */
    limit?: string | null;
  }) => {
    closed = true;
    bookedUsage = facts.usage;
    const elapsedMs = deps.clock() - startMs;
    permit?.end(
      outcomeOf(facts.outcome, {
        limit: facts.limit ?? null,
        hasOwnDeadline: scope.hasOwnDeadline === true,
        elapsedMs,
        totalTimeoutMs: deps.totalTimeoutMs,
      }),
    );
    const row = usageRow(
      identity,
      { operation: "chat", card, startMs, ...facts, firstTokenMs: facts.firstTokenMs ?? null },
      deps.clock,
    );
    hold.record(row);
    span.set({
      [attribute.inputTokens]: row.inputTokens,
      [attribute.outputTokens]: row.outputTokens,
      [attribute.cacheReadTokens]: row.cachedInputTokens,
      [attribute.reasoningTokens]: row.reasoningTokens,
      [attribute.cost]: row.costMicros / 1_000_000,
      [attribute.usageEstimated]: row.estimated,
      ...(row.timeToFirstTokenMs === null ? {} : { [attribute.timeToFirstChunk]: row.timeToFirstTokenMs / 1000 }),
    });
  };

  return {
    call: {
      card,
      request: { ...request, max_completion_tokens: maxOutputTokens },
      signal: AbortSignal.any([scope.signal, AbortSignal.timeout(Math.max(0, deadlineMs - startMs))]),
      traceparent: scope.trace.traceparent(span),
      onLimits: (limits) => deps.upstreams.noteLimits(card.id, limits),
    },
    span,
    booked: () => bookedUsage,
    estimate({ output, thought }) {
      const reasoningTokens = thought.tokens();
      return {
        ...noUsage,
        inputTokens,
        outputTokens: output.tokens() + reasoningTokens,
        reasoningTokens,
        estimated: true,
      };
    },
    async close({ usage, output, finishReason, firstTokenMs }) {
      if (closed) return;
      book({ usage, firstTokenMs, outputHash: await output.hash(), outcome: "ok" });
      span.set({ [attribute.responseFinishReasons]: [finishReason ?? ""] });
      span.end();
    },
    fail(cause, seen, firstTokenMs) {
      const failure =
        scope.signal.aborted && !(cause instanceof AppError && cause.code === "client_closed_request")
          ? new AppError("client_closed_request", "The client closed the connection.", { cause })
          : cause;
      if (closed) return failure;
      if (failure instanceof AppError && failure.code === "upstream_rate_limited")
        deps.upstreams.noteRefusal(card.id, failure.retryAfterMs);
      const counted = {
        inputTokens,
        outputTokens: seen?.output.tokens() ?? 0,
        reasoningTokens: seen?.thought.tokens() ?? 0,
      };
      const usage = hadLeft ? noUsage : usageOfFailure(failure, counted, { ...candidate, isStream });
      const limit = failure instanceof AppError ? failure.limit : null;
      book({ usage, firstTokenMs, outputHash: null, outcome: codeOf(failure), limit });
      endFailedCall(span, { model: card.id, cause: failure }, deps);
      return failure;
    },
  };
}

function incomplete(): AppError {
  return new AppError("upstream_incomplete", "The model's answer broke off before it was finished.", {
    retryable: true,
  });
}
