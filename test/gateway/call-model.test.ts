import { describe, expect, it } from "vitest";
import { AppError } from "../../src/core/errors.ts";
import type { ChatModel, ChatResult, ModelCard } from "../../src/core/model.ts";
import type { UsageRecord } from "../../src/core/records.ts";
import { callModel, openModelStream } from "../../src/gateway/call-model.ts";
import type { Hold } from "../../src/gateway/hold.ts";
import type { GatewayDeps, ModelFailure, RequestScope } from "../../src/gateway/request-scope.ts";
import { startTrace } from "../../src/telemetry/trace.ts";

const card: ModelCard = {
  id: "test/model",
  provider: "test",
  name: "model",
  kind: "chat",
  tier: "fast",
  contextWindow: 10_000,
  maxOutputTokens: 1_000,
  capabilities: [],
  price: null,
  staysAtEdge: true,
};
const answer: ChatResult = {
  id: "chatcmpl-1",
  model: "model",
  content: "Hello.",
  refusal: null,
  toolCalls: [],
  finishReason: "stop",
  usage: { inputTokens: 10, cachedInputTokens: 0, outputTokens: 20, reasoningTokens: 0, estimated: false },
};

interface CallOptions {
  isStream?: boolean;
  signal?: AbortSignal;
  hasOwnDeadline?: boolean;
  /** How long the call takes by the gateway's clock. */
  tookMs?: number;
}

/** Calls one model, and tells what was booked, traced, reported and said of the model's health. */
async function call(chat: ChatModel["chat"], { isStream = false, tookMs = 0, ...options }: CallOptions = {}) {
  const rows: UsageRecord[] = [];
  const reported: ModelFailure[] = [];
  const outcomes: string[] = [];
  let nowMs = 1_790_000_000_000;
  const clock = () => nowMs;
  const trace = startTrace({ name: "test", clock, linked: null });
  const ask: ChatModel["chat"] = (asked) => {
    nowMs += tookMs;
    return chat(asked);
  };
  const model = { chat: ask, stream: async (asked: Parameters<ChatModel["stream"]>[0]) => (await ask(asked), never()) };
  const hold = { record: (row: UsageRecord) => void rows.push(row), progress: () => undefined } as unknown as Hold; // the members that one call uses
  const deps = {
    clock,
    models: { chatModelFor: () => model },
    totalTimeoutMs: 60_000,
    upstreams: { noteRefusal: () => undefined },
    reportFailure: (failure: ModelFailure) => void reported.push(failure),
  } as unknown as GatewayDeps; // the members that one call uses
  const scope = {
    principal: { projectId: "prj_test", keyId: null, subjectId: "sub_test" },
    trace,
    signal: new AbortController().signal,
    deadlineMs: nowMs + 60_000,
    ...options,
  } as unknown as RequestScope; // of the principal, what a usage row says
  const attempt = {
    candidate: { card, maxOutputTokens: 500, boundMicros: 0, leastBoundMicros: 0 },
    request: { model: "auto", messages: [{ role: "user" as const, content: "Hello?" }] },
    identity: { principal: scope.principal, traceId: trace.traceId, extension: undefined, prompt: null },
    hold,
    permit: { isProbe: false, end: (outcome: string) => void outcomes.push(outcome) },
  };
  const work: Promise<unknown> = isStream ? openModelStream(attempt, scope, deps) : callModel(attempt, scope, deps);
  const failure = await work.then(
    () => null,
    (cause: unknown) => (cause instanceof AppError ? cause.code : String(cause)),
  );
  const { spans } = trace.finish({ projectId: "prj_test", subjectId: "sub_test" });
  return { failure, row: rows[0], rowCount: rows.length, span: spans[1], reported, outcomes };
}

function never(): ReadableStream<never> {
  return new ReadableStream();
}

const failing =
  (code: AppError["code"], detail: ConstructorParameters<typeof AppError>[2] = {}) =>
  () =>
    Promise.reject(new AppError(code, "It failed.", detail));

describe("a call that a model failed", () => {
  it("has the provider's status on its span, and is told in names and numbers", async () => {
    const { span, reported } = await call(failing("upstream_error", { upstreamStatus: 503, internal: "secret" }));
    expect(span).toMatchObject({
      status: "error",
      attributes: { "error.type": "upstream_error", "http.response.status_code": 503 },
    });
    expect(reported).toEqual([{ model: "test/model", code: "upstream_error", status: 503 }]);
  });

  it("has no status where the provider gave none", async () => {
    const { span, reported } = await call(failing("upstream_timeout"));
    expect(span?.attributes).not.toHaveProperty("http.response.status_code");
    expect(reported).toEqual([{ model: "test/model", code: "upstream_timeout", status: null }]);
  });

  it("is none where it succeeded, or its client left", async () => {
    expect((await call(() => Promise.resolve(answer))).reported).toEqual([]);
    expect((await call(failing("client_closed_request"))).reported).toEqual([]);
  });

  it.each([
    { what: "the caller's own deadline", hasOwnDeadline: true, says: "unknown" },
    { what: "the deployment's", hasOwnDeadline: false, says: "down" },
  ])("at $what says of its health: $says", async ({ hasOwnDeadline, says }) => {
    const timedOut = failing("upstream_timeout", { limit: "total" });
    expect((await call(timedOut, { hasOwnDeadline, tookMs: 59_000 })).outcomes).toEqual([says]);
  });
});

describe("a client that left", () => {
  it.each([
    { what: "a whole answer", isStream: false, outputTokens: 500 },
    { what: "a stream before its first token", isStream: true, outputTokens: 0 },
  ])("$what pays for $outputTokens tokens", async ({ isStream, outputTokens }) => {
    const departure = new AbortController();
    const leaves = () => {
      departure.abort();
      return failing("client_closed_request")();
    };
    const { failure, row } = await call(leaves, { isStream, signal: departure.signal });
    expect(failure).toBe("client_closed_request");
    expect(row).toMatchObject({ outcome: "client_closed_request", outputTokens, estimated: true });
    expect(row?.inputTokens).toBeGreaterThan(0);
  });

  it("before the model was asked pays nothing", async () => {
    const { row } = await call(failing("client_closed_request"), { signal: AbortSignal.abort() });
    expect(row).toMatchObject({ inputTokens: 0, outputTokens: 0 });
  });
});

describe("an answer longer than any that was asked for", () => {
  const half = "x".repeat(2_000_001);
  const calling = { id: "call_1", type: "function" as const, function: { name: "f", arguments: half } };
  it.each<[string, Partial<ChatResult>]>([
    ["text", { content: half + half }],
    ["a refusal", { refusal: half + half }],
    ["tool calls", { toolCalls: [calling, calling] }],
    ["thinking", { thinking: [{ type: "thinking", thinking: half + half }] }],
    ["all of it together", { content: half, toolCalls: [calling] }],
  ])("is refused: %s", async (_what, part) => {
    const { failure, row, rowCount } = await call(() => Promise.resolve({ ...answer, ...part, usage: null }));
    expect(failure).toBe("upstream_invalid_response");
    expect(rowCount).toBe(1);
    // What it may write at most: somebody pays for it.
    expect(row).toMatchObject({ outcome: "upstream_invalid_response", outputTokens: 500, estimated: true });
  });

  it("is booked as the provider counted it, where it did", async () => {
    const { row } = await call(() => Promise.resolve({ ...answer, content: half + half }));
    expect(row?.outputTokens).toBe(20);
  });

  it("is not one of exactly as much", async () => {
    const { failure } = await call(() => Promise.resolve({ ...answer, content: "x".repeat(4_000_000) }));
    expect(failure).toBeNull();
  });
});
