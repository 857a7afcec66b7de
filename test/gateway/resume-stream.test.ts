import { beforeAll, describe, expect, it } from "vitest";
import type { ChatRequest } from "../../src/core/chat.ts";
import { AppError } from "../../src/core/errors.ts";
import type { ModelCall, ModelCard, StreamPart } from "../../src/core/model.ts";
import type { UsageRecord } from "../../src/core/records.ts";
import type { Attempt } from "../../src/gateway/call-with-fallback.ts";
import type { Candidate } from "../../src/gateway/choose-route.ts";
import type { Hold } from "../../src/gateway/hold.ts";
import type { GatewayDeps, RequestScope } from "../../src/gateway/request-scope.ts";
import { openResilientStream } from "../../src/gateway/resume-stream.ts";
import { unwatchedUpstreams } from "../../src/gateway/upstreams.ts";
import { loadPrompts, type PromptLibrary } from "../../src/prompting/load-prompts.ts";
import { startTrace } from "../../src/telemetry/trace.ts";

let prompts: PromptLibrary;
beforeAll(async () => {
  prompts = await loadPrompts();
});

const words = "one two three four five six seven eight nine ten eleven twelve".split(" ");
const whole = words.join(" ");
const reset = () => new AppError("upstream_error", "The connection was reset.", { retryable: true });

/** What a model does with one call: parts, and the failure that ends them instead of a finish. */
interface Turn {
  text?: string[];
  parts?: StreamPart[];
  fails?: AppError;
  /** Before the first part. */
  refuses?: AppError;
}

const usage = { inputTokens: 10, cachedInputTokens: 0, outputTokens: 20, reasoningTokens: 0, estimated: false };
const spaced = (from: number, to: number) =>
  words.slice(from, to).map((word, at) => (from + at === 0 ? word : ` ${word}`));
const firstSix: Turn = { text: spaced(0, 6), fails: reset() };

interface PlayOptions {
  request?: Partial<ChatRequest>;
  prefill?: string[];
  fallbackOutput?: number;
}

/** Streams from models that play their turns; the models are tried in the order in which they are named. */
async function play(models: Record<string, Turn[]>, { request: more = {}, prefill = [] }: PlayOptions = {}) {
  const calls: ModelCall[] = [];
  const rows: UsageRecord[] = [];
  const bounds: number[] = [];
  const candidates = Object.keys(models).map((id): Candidate => {
    const card: ModelCard = {
      id: `test/${id}`,
      provider: "test",
      name: id,
      kind: "chat",
      tier: "fast",
      contextWindow: 10_000,
      maxOutputTokens: 1_000,
      capabilities: [],
      price: { inputPico: 1_000_000, cachedInputPico: 1_000_000, outputPico: 1_000_000, source: "test" },
      prefill: prefill.includes(id),
      staysAtEdge: true,
    };
    return { card, maxOutputTokens: 500, boundMicros: 1_000, leastBoundMicros: 1 };
  });
  const [first, ...rest] = candidates;
  if (first === undefined) throw new Error("a plan has a candidate");

  const stream = async (call: ModelCall) => {
    calls.push(call);
    const turn = models[call.card.name]?.shift();
    if (turn === undefined) throw new Error(`${call.card.name} was asked more often than its script says`);
    if (turn.refuses !== undefined) throw turn.refuses;
    const parts: StreamPart[] = [
      { type: "start", id: "chatcmpl-1", model: call.card.name },
      ...(turn.parts ?? (turn.text ?? []).map((text): StreamPart => ({ type: "text-delta", text }))),
      ...(turn.fails === undefined
        ? ([
            { type: "finish", reason: "stop" },
            { type: "usage", usage },
          ] satisfies StreamPart[])
        : []),
    ];
    return new ReadableStream<StreamPart>(
      {
        pull(controller) {
          const part = parts.shift();
          if (part !== undefined) controller.enqueue(part);
          else if (turn.fails !== undefined) controller.error(turn.fails);
          else controller.close();
        },
      },
      { highWaterMark: 0 },
    );
  };

  const clock = () => 1_790_000_000_000;
  const trace = startTrace({ name: "test", clock, linked: null });
  const hold = {
    get costMicros() {
      return rows.reduce((total, row) => total + row.costMicros, 0);
    },
    bound: { costMicros: 1_000, tokens: 1_000 },
    record: (row: UsageRecord) => void rows.push(row),
    rebound: async ({ costMicros }: { costMicros: number }) => void bounds.push(costMicros),
    progress: () => undefined,
  } as unknown as Hold; // the five members that a stream uses
  const deps = {
    clock,
    models: { chatModelFor: () => ({ stream }) },
    prompts,
    totalTimeoutMs: 60_000,
    upstreams: unwatchedUpstreams,
  } as unknown as GatewayDeps; // the five members that a stream uses
  const scope = {
    principal: { projectId: "prj_test", keyId: null, subjectId: "sub_test" },
    trace,
    signal: new AbortController().signal,
    waitUntil: () => undefined,
  } as unknown as RequestScope; // of the principal, what a usage row says
  const request: ChatRequest = {
    model: "auto",
    messages: [{ role: "user", content: "Count." }],
    stream: true,
    ...more,
  };
  const attempts: Attempt[] = [];

  const resilient = await openResilientStream(
    {
      request,
      identity: { principal: scope.principal, traceId: trace.traceId, extension: undefined, prompt: null },
      plan: { tier: "fast", candidates: [first, ...rest], reason: "test", score: null, threshold: null },
      hold,
      promptBound: 10,
      attempts,
      signal: scope.signal,
      wait: async () => undefined,
      random: () => 0,
      clock,
    },
    scope,
    deps,
  );
  let text = "";
  let finish: string | null = null;
  let counted = null;
  let error: string | null = null;
  try {
    for (let part = await resilient.stream.next(); part !== null; part = await resilient.stream.next()) {
      if (part.type === "text-delta") text += part.text;
      if (part.type === "finish") finish = part.reason;
      if (part.type === "usage") counted = part.usage;
    }
  } catch (cause) {
    error = cause instanceof AppError ? cause.code : String(cause);
  }
  return {
    text,
    finish,
    error,
    usage: counted,
    rows,
    bounds,
    calls,
    candidate: resilient.candidate().card.name,
    attempts: attempts.map(({ model, outcome }) => `${model} ${outcome}`),
  };
}

describe("a stream that breaks off is one complete answer", () => {
  it("when the next model continues from a prefill", async () => {
    const answer = await play({ a: [firstSix], b: [{ text: spaced(6, 12) }] }, { prefill: ["b"] });
    expect(answer).toMatchObject({ text: whole, finish: "stop", error: null, candidate: "b" });
    expect(answer.attempts).toEqual(["test/a upstream_error", "test/b ok"]);
    expect(answer.calls[1]?.request.messages.at(-1)).toEqual({
      role: "assistant",
      content: "one two three four five six",
    });
  });

  it("when the next model repeats the last words, as it is told to", async () => {
    const answer = await play({ a: [firstSix], b: [{ text: ["four five ", "six", ...spaced(6, 12)] }] });
    expect(answer).toMatchObject({ text: whole, finish: "stop", candidate: "b" });
    const [partial, instruction] = answer.calls[1]?.request.messages.slice(-2) ?? [];
    expect(partial).toEqual({ role: "assistant", content: "one two three four five six" });
    expect(instruction?.content).toContain("<last>one two three four five six</last>");
  });

  it("when the next model says the same from the beginning", async () => {
    expect(await play({ a: [firstSix], b: [{ text: spaced(0, 12) }] })).toMatchObject({ text: whole, error: null });
  });

  it("when the next model takes no prefill: it is told to continue instead", async () => {
    const rejected = new AppError("upstream_rejected", "Prefilling is not supported.", { retryable: false });
    const answer = await play(
      { a: [firstSix], b: [{ refuses: rejected }, { text: ["four five six", ...spaced(6, 12)] }] },
      { prefill: ["b"] },
    );
    expect(answer).toMatchObject({ text: whole, error: null });
    expect(answer.attempts).toEqual(["test/a upstream_error", "test/b upstream_rejected", "test/b ok"]);
  });

  it("when there is no other model and the same one recovers", async () => {
    const answer = await play({ a: [firstSix, { text: ["four five six", ...spaced(6, 12)] }] });
    expect(answer).toMatchObject({ text: whole, candidate: "a" });
    expect(answer.attempts).toEqual(["test/a upstream_error", "test/a ok"]);
  });

  it("when two break off and the third goes on", async () => {
    const answer = await play({
      a: [firstSix],
      b: [{ text: ["four five six", ...spaced(6, 9)], fails: reset() }],
      c: [{ text: ["seven eight nine", ...spaced(9, 12)] }],
    });
    expect(answer).toMatchObject({ text: whole, candidate: "c" });
    expect(answer.rows.map(({ outcome }) => outcome)).toEqual(["upstream_error", "upstream_error", "ok"]);
  });

  it("when one answer does not fit and the next does", async () => {
    const answer = await play({
      a: [firstSix],
      b: [{ text: ["Sorry about that."] }],
      c: [{ text: ["four five six", ...spaced(6, 12)] }],
    });
    expect(answer).toMatchObject({ text: whole, candidate: "c" });
    expect(answer.attempts).toEqual(["test/a upstream_error", "test/b upstream_incomplete", "test/c ok"]);
  });
});

describe("what it takes", () => {
  it("is billed call by call, told as one usage, and reserved before", async () => {
    const answer = await play({ a: [firstSix], b: [{ text: spaced(0, 12) }] });
    expect(answer.rows.map(({ model, outcome, estimated }) => ({ model, outcome, estimated }))).toEqual([
      { model: "a", outcome: "upstream_error", estimated: true },
      { model: "b", outcome: "ok", estimated: false },
    ]);
    const broken = answer.rows[0];
    expect(answer.usage).toMatchObject({
      inputTokens: usage.inputTokens + (broken?.inputTokens ?? 0),
      outputTokens: usage.outputTokens + (broken?.outputTokens ?? 0),
      estimated: true,
    });
    // What the first call cost, the second's own bound, and the beginning that it reads.
    expect(answer.bounds).toHaveLength(1);
    expect(answer.bounds[0]).toBeGreaterThan(1_000 + (broken?.costMicros ?? 0));
  });

  it("is what is left of the request's tokens", async () => {
    const answer = await play({ a: [firstSix], b: [{ text: spaced(0, 12) }] });
    expect(answer.calls[1]?.request.max_completion_tokens).toBeLessThan(500);
  });
});

describe("a stream that breaks off ends with its failure", () => {
  const continues: Turn = { text: ["four five six", ...spaced(6, 12)] };
  const call: StreamPart = { type: "tool-call-delta", index: 0, id: "call_1", name: "f", arguments: "{" };
  const thought: StreamPart = { type: "thinking-delta", text: "Hm." };

  it.each<{ what: string; turn: Turn; request?: Partial<ChatRequest> }>([
    { what: "after half a tool call", turn: { parts: [call], fails: reset() } },
    { what: "after a thought", turn: { parts: [thought, { type: "text-delta", text: whole }], fails: reset() } },
    { what: "in JSON", turn: firstSix, request: { response_format: { type: "json_object" } } },
    { what: "with log probabilities", turn: firstSix, request: { logprobs: true } },
    {
      what: "for a reason that nobody else could help",
      turn: { text: spaced(0, 6), fails: new AppError("upstream_content_filter", "Filtered.") },
    },
  ])("$what", async ({ turn, request = {} }) => {
    const answer = await play({ a: [turn], b: [continues] }, { request });
    expect(answer.error).toBe(turn.fails?.code);
    expect(answer.finish).toBeNull();
    expect(answer.calls).toHaveLength(1);
    expect(answer.attempts).toEqual([`test/a ${turn.fails?.code}`]);
  });

  it("when nobody's continuation fits, and shows none of it", async () => {
    const answer = await play({ a: [firstSix], b: [{ text: ["A different", " answer."] }] });
    expect(answer).toMatchObject({ text: "one two three four five six", error: "upstream_incomplete", finish: null });
    expect(answer.rows.map(({ outcome }) => outcome)).toEqual(["upstream_error", "upstream_incomplete"]);
  });

  it("when the continuation turns into a tool call", async () => {
    const answer = await play({ a: [firstSix], b: [{ parts: [call] }] });
    expect(answer).toMatchObject({ error: "upstream_incomplete", finish: null });
  });
});

describe("what a model thought aloud is booked", () => {
  const thoughts = Array.from({ length: 50 }, (): StreamPart => ({ type: "thinking-delta", text: `${whole} ` }));

  it("when its answer breaks off after the first word", async () => {
    const answer = await play({ a: [{ parts: [...thoughts, { type: "text-delta", text: "Hi" }], fails: reset() }] });
    expect(answer.rows[0]?.outputTokens).toBeGreaterThan(500);
  });
});
