import { describe, expect, inject, it, vi } from "vitest";
import type { ChatRequest } from "../../src/core/chat.ts";
import { AppError } from "../../src/core/errors.ts";
import type { ChatModel, EmbeddingModel, ModelCall, ModelCard, UpstreamLimit } from "../../src/core/model.ts";
import type { Timeouts } from "../../src/providers/call-watch.ts";
import type { ProviderStats } from "../support/scripted-provider.ts";
import { collectParts } from "./collect-parts.ts";

export const patient: Timeouts = { headersMs: 5_000, firstTokenMs: 5_000, idleMs: 5_000, totalMs: 10_000 };

export interface ContractSubject {
  create(timeouts: Timeouts): ChatModel & EmbeddingModel;
  cardFor(behaviour: string): ModelCard;
  /** Classic Workers AI has no refusals, finish reasons or token details to pass on. */
  isClassic: boolean;
  /** What the wire can do beyond the least that every provider owes; what is absent is not tested. */
  carries?: ContractFeatures;
}

export interface ContractFeatures {
  /** Images and files of a user's message reach the wire. */
  images?: boolean;
  files?: boolean;
  /** A JSON schema reaches the wire. */
  jsonSchema?: boolean;
  /** A tool's result goes back with the id of its call. */
  toolResults?: boolean;
  /** Cached, written and reasoning tokens are told apart: model `cached`. */
  tokenClasses?: boolean;
  /** Answers that a filter stopped are told: model `filtered`. */
  contentFilter?: boolean;
  /** Thinking comes apart from the answer: model `think`. */
  thinking?: boolean;
  /** The stop sequence that ended an answer is named: model `stop-sequence`. */
  stopSequence?: boolean;
  /** Headers say what is left of the provider's own limits: model `limited`, 3 requests for 30 s. */
  limits?: boolean;
  /** False for a binding, which gives objects and errors in place of responses. */
  responses?: boolean;
  /** False for a vendor without embeddings. */
  embeddings?: boolean;
}

export function callOf(
  card: ModelCard,
  change: Partial<ChatRequest> = {},
  signal = new AbortController().signal,
): ModelCall {
  return {
    card,
    request: { model: "auto", messages: [{ role: "user", content: "Say hello, please." }], ...change },
    signal,
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  };
}

export async function readStats(): Promise<ProviderStats> {
  return (await fetch(`${inject("scriptedProviderUrl")}/__stats`)).json();
}

/** The error a promise is rejected with. */
export async function failureOf(work: Promise<unknown>): Promise<AppError> {
  const outcome = await work.then(
    () => "it succeeded",
    (cause: unknown) => cause,
  );
  if (outcome instanceof AppError) return outcome;
  throw new Error(`expected an AppError: ${String(outcome)}`);
}

const hello = "Hello from the scripted provider.";
const weather = { type: "function" as const, function: { name: "get_weather", parameters: { type: "object" } } };

const question = { type: "text" as const, text: "What is this?" };
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const image = { type: "image_url" as const, image_url: { url: `data:image/png;base64,${pixel}` } };
const pdf = "JVBERi0xLjQKJcOkw7zDtsOf";
const file = { type: "file" as const, file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${pdf}` } };
const verdictFormat: ChatRequest["response_format"] = {
  type: "json_schema",
  json_schema: {
    name: "verdict",
    strict: true,
    schema: {
      type: "object",
      properties: { is_spam: { type: "boolean" } },
      required: ["is_spam"],
      additionalProperties: false,
    },
  },
};
const askedTheWeather: ChatRequest["messages"] = [
  { role: "user", content: "How is the weather in Lyon?" },
  {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Lyon"}' } }],
  },
  { role: "tool", tool_call_id: "call_1", content: "It rains in Lyon." },
];

/** What every provider owes the gateway, whatever its wire looks like. */
export function describeProviderContract(
  name: string,
  { create, cardFor, isClassic, carries = {} }: ContractSubject,
): void {
  const uniqueCard = (behaviour: string) => cardFor(`${behaviour}~${crypto.randomUUID()}`);

  describe(`${name}, whole answers`, () => {
    it("gives the text, its end and its count", async () => {
      const result = await create(patient).chat(callOf(cardFor("ok")));
      expect(result).toMatchObject({ content: hello, refusal: null, toolCalls: [], finishReason: "stop" });
      expect(result.id).not.toBe("");
      expect(result.model).toContain("ok");
      expect(result.usage).toMatchObject({ inputTokens: 5, outputTokens: 5, estimated: false });
    });

    it("sends what the user said", async () => {
      const result = await create(patient).chat(
        callOf(cardFor("echo"), { messages: [{ role: "user", content: "héllo 👋 world" }] }),
      );
      expect(result.content).toBe("héllo 👋 world");
    });

    it("gives tool calls with their ids, names and arguments", async () => {
      const result = await create(patient).chat(callOf(cardFor("parallel-tool-calls"), { tools: [weather] }));
      expect(result.finishReason).toBe("tool_calls");
      expect(result.toolCalls.map((call) => call.function)).toEqual([
        { name: "get_weather", arguments: '{"city":"Paris"}' },
        { name: "get_weather", arguments: '{"city":"Rome"}' },
      ]);
      expect(new Set(result.toolCalls.map((call) => call.id)).size).toBe(2);
    });

    it("says when the answer was cut at its limit", async () => {
      const result = await create(patient).chat(callOf(cardFor("cut-short"), { max_completion_tokens: 16 }));
      expect(result.finishReason).toBe("length");
    });

    it("leaves the count open where the provider gives none", async () => {
      expect((await create(patient).chat(callOf(cardFor("no-usage")))).usage).toBeNull();
    });

    it("gives JSON as text", async () => {
      const result = await create(patient).chat(callOf(cardFor("json"), { response_format: { type: "json_object" } }));
      expect(JSON.parse(result.content ?? "")).toEqual({ answer: "yes", count: 2 });
    });
  });

  describe(`${name}, streams`, () => {
    it("gives start, text, finish and count, in this order", async () => {
      const { parts, text, failure } = await collectParts(await create(patient).stream(callOf(cardFor("ok"))));
      expect(failure).toBeNull();
      expect(text).toBe(hello);
      expect(parts[0]).toMatchObject({ type: "start" });
      expect(parts.at(-2)).toEqual({ type: "finish", reason: "stop" });
      expect(parts.at(-1)).toMatchObject({ type: "usage", usage: { inputTokens: 5, outputTokens: 5 } });
    });

    it("gives each tool call once, its arguments in pieces that join to JSON", async () => {
      const { parts } = await collectParts(
        await create(patient).stream(callOf(cardFor("parallel-tool-calls"), { tools: [weather] })),
      );
      const deltas = parts.filter((part) => part.type === "tool-call-delta");
      const argumentsOf = (index: number) =>
        deltas
          .filter((part) => part.index === index)
          .map((part) => part.arguments)
          .join("");
      expect(deltas.filter((part) => part.id !== undefined)).toHaveLength(2);
      expect(JSON.parse(argumentsOf(0))).toEqual({ city: "Paris" });
      expect(JSON.parse(argumentsOf(1))).toEqual({ city: "Rome" });
      expect(parts.find((part) => part.type === "finish")).toEqual({ type: "finish", reason: "tool_calls" });
    });

    it("passes the first piece on while the rest is still to come", async () => {
      const stream = await create(patient).stream(callOf(uniqueCard("stall")));
      const reader = stream.getReader();
      const texts: string[] = [];
      while (texts.length === 0) {
        const { value } = await reader.read();
        if (value?.type === "text-delta") texts.push(value.text);
      }
      expect(texts).toEqual(["Hello"]);
      await reader.cancel();
    });

    it("ends the provider's call when its reader cancels", async () => {
      const card = uniqueCard("long-1000");
      const reader = (await create(patient).stream(callOf(card))).getReader();
      await reader.read();
      await reader.cancel();
      await vi.waitFor(async () => expect((await readStats()).models[card.name]).toMatchObject({ disconnects: 1 }));
    });

    it("ends the provider's call when its caller leaves", async () => {
      const card = uniqueCard("long-1000");
      const caller = new AbortController();
      const stream = await create(patient).stream(callOf(card, {}, caller.signal));
      const reader = stream.getReader();
      await reader.read();
      caller.abort();
      const failure = await failureOf(readAll(reader));
      expect(failure.code).toBe("client_closed_request");
      await vi.waitFor(async () => expect((await readStats()).models[card.name]).toMatchObject({ disconnects: 1 }));
    });

    it.each([
      ["the socket breaks", "cut-mid-stream", ["upstream_error", "upstream_incomplete"]],
      ["it ends within an event", "half-frame", ["upstream_incomplete"]],
      ["it ends without a finish", "no-finish", ["upstream_incomplete"]],
      ["nothing comes", "empty-stream", ["upstream_incomplete"]],
      ["a chunk is malformed", "malformed-chunk", ["upstream_invalid_response"]],
      ["an error comes first", "stream-error-event", ["upstream_error"]],
      ["an error comes in the middle", "stream-late-error", ["upstream_error"]],
    ])("fails, and may be retried, when %s", async (_what, behaviour, codes) => {
      const { parts, failure } = await collectParts(await create(patient).stream(callOf(cardFor(behaviour))));
      expect(failure).toBeInstanceOf(AppError);
      expect(failure).toMatchObject({ retryable: true });
      expect(codes).toContain(failure instanceof AppError ? failure.code : null);
      expect(parts.some((part) => part.type === "finish")).toBe(false);
    });

    it.each([
      ["headers", "hang", { headersMs: 60 }],
      ["first_token", "first-token-3000", { firstTokenMs: 60 }],
      ["idle", "stall", { idleMs: 60 }],
      ["total", "long-1000", { totalMs: 150 }],
    ])("names the timeout that struck: %s", async (limit, behaviour, change) => {
      const card = uniqueCard(behaviour);
      const work = create({ ...patient, ...change })
        .stream(callOf(card))
        .then((stream) => readAll(stream.getReader()));
      expect(await failureOf(work)).toMatchObject({ code: "upstream_timeout", limit, retryable: true });
      await vi.waitFor(async () => expect((await readStats()).models[card.name]).toMatchObject({ disconnects: 1 }));
    });
  });

  describe(`${name}, failures`, () => {
    const cases: [string, Partial<AppError>][] = [
      ["400", { code: "upstream_rejected", retryable: false }],
      ["400-context", { code: "context_length_exceeded" }],
      ["401", { code: "upstream_auth", retryable: false }],
      ["403", { code: "upstream_auth", retryable: false }],
      ["404", { code: "model_unavailable", retryable: true }],
      ["429", { code: "upstream_rate_limited", retryable: true }],
      ["500", { code: "upstream_error", retryable: true }],
      ["503", { code: "upstream_error", retryable: true }],
      ["529", { code: "upstream_error", retryable: true }],
      ["html", { code: "upstream_invalid_response", retryable: true }],
      ["half-frame", { code: "upstream_invalid_response", retryable: true }],
      ["empty-stream", { code: "upstream_invalid_response", retryable: true }],
      ["stream-error-event", { code: "upstream_error", retryable: true }],
      ["cut-mid-stream", { code: "upstream_error", retryable: true }],
    ];

    it.each(cases)("maps %s in a whole answer", async (behaviour, expected) => {
      expect(await failureOf(create(patient).chat(callOf(cardFor(behaviour))))).toMatchObject(expected);
    });

    it.each(cases.slice(0, 10))("maps %s before a stream begins", async (behaviour, expected) => {
      const work = create(patient)
        .stream(callOf(cardFor(behaviour)))
        .then((stream) => readAll(stream.getReader()));
      expect(await failureOf(work)).toMatchObject(expected);
    });

    it("waits for a slow answer within its time", async () => {
      expect((await create(patient).chat(callOf(cardFor("slow-150")))).content).toBe(hello);
      const { failure, text } = await collectParts(await create(patient).stream(callOf(cardFor("first-token-150"))));
      expect({ failure, text }).toEqual({ failure: null, text: hello });
    });

    it("stops waiting at the total timeout", async () => {
      const work = create({ ...patient, totalMs: 60 }).chat(callOf(cardFor("hang")));
      expect(await failureOf(work)).toMatchObject({ code: "upstream_timeout", limit: "total", retryable: true });
    });

    it("stops waiting at the total timeout in the middle of a body, too", async () => {
      const work = create({ ...patient, totalMs: 60 }).chat(callOf(cardFor("stall")));
      expect(await failureOf(work)).toMatchObject({ code: "upstream_timeout", limit: "total", retryable: true });
    });

    it("tells the caller's own deadline from its departure", async () => {
      const call = callOf(cardFor("hang"), {}, AbortSignal.timeout(60));
      expect(await failureOf(create(patient).chat(call))).toMatchObject({ code: "upstream_timeout", limit: "total" });
    });

    it("does not call at all for a caller who has left", async () => {
      const card = uniqueCard("ok");
      expect(await failureOf(create(patient).chat(callOf(card, {}, AbortSignal.abort())))).toMatchObject({
        code: "client_closed_request",
      });
      expect((await readStats()).models[card.name]).toBeUndefined();
    });

    it("asks once: retries are the gateway's", async () => {
      const card = uniqueCard("500-once");
      await failureOf(create(patient).chat(callOf(card)));
      expect((await readStats()).models[card.name]).toMatchObject({ requests: 1 });
    });
  });

  if (carries.responses !== false)
    describe(`${name}, responses`, () => {
      it.each([
        // Longer than any answer, than what is read of an error, and than what is quoted of one.
        ["an answer without end", "flood-200-17000", false, "upstream_invalid_response", 200],
        ["an error without end", "flood-500-100", false, "upstream_error", 500],
        ["an error without end in place of a stream", "flood-429-100", true, "upstream_rate_limited", 429],
        ["a whole answer without end in place of a stream", "flood-200-100", true, "upstream_invalid_response", 200],
      ])("lets go of %s", async (_what, behaviour, isStream, code, upstreamStatus) => {
        const card = uniqueCard(behaviour);
        const model = create(patient);
        const work = isStream ? model.stream(callOf(card)) : model.chat(callOf(card));
        expect(await failureOf(work)).toMatchObject({ code, upstreamStatus, retryable: true });
        await vi.waitFor(async () => expect((await readStats()).models[card.name]).toMatchObject({ disconnects: 1 }));
      });

      it("still hears its time is up while an error trickles", async () => {
        const work = create({ ...patient, totalMs: 100 }).chat(callOf(cardFor("flood-500-1")));
        expect(await failureOf(work)).toMatchObject({ code: "upstream_timeout", limit: "total", upstreamStatus: null });
      });

      it.each([
        ["400", 400],
        ["400-context", 400],
        ["400-content-filter", 400],
        ["401", 401],
        ["404", 404],
        ["429", 429],
        ["503", 503],
        ["html", 200],
        ["half-frame", 200],
        ["stream-error-event", 200],
        ["redirect", 307],
        ["reset", null],
      ])("names the status of %s", async (behaviour, upstreamStatus) => {
        const failure = await failureOf(create(patient).chat(callOf(cardFor(behaviour))));
        expect(failure.upstreamStatus).toBe(upstreamStatus);
      });
    });

  if (carries.embeddings !== false)
    describe(`${name}, embeddings`, () => {
      it("gives a vector for each text, in their order", async () => {
        const call = {
          card: cardFor("embed-8"),
          inputs: ["red apple", "blue sky"],
          signal: neverAborted(),
          traceparent: "",
        };
        const both = await create(patient).embed(call);
        const second = await create(patient).embed({ ...call, inputs: ["blue sky"] });
        expect(both.vectors).toHaveLength(2);
        expect(both.vectors[0]).toHaveLength(8);
        expect(both.vectors[1]).toEqual(second.vectors[0]);
      });

      it.each([
        ["429", "upstream_rate_limited"],
        ["html", "upstream_invalid_response"],
        ["500", "upstream_error"],
      ])("maps %s", async (behaviour, code) => {
        const call = { card: cardFor(behaviour), inputs: ["x"], signal: neverAborted(), traceparent: "" };
        expect(await failureOf(create(patient).embed(call))).toMatchObject({ code, retryable: true });
      });
    });

  /** The body the provider was sent for a request. */
  const bodySentFor = async (change: Partial<ChatRequest>): Promise<unknown> => {
    const card = uniqueCard("ok");
    await create(patient).chat(callOf(card, change));
    return (await readStats()).recorded.find((request) => request.model === card.name)?.body;
  };

  const carriesMore = Object.entries(carries).some(([feature, carried]) => feature !== "embeddings" && carried);
  if (!carriesMore) return;
  describe(`${name}, what it carries`, () => {
    if (carries.images)
      it("sends an image with its question", async () => {
        const body = JSON.stringify(await bodySentFor({ messages: [{ role: "user", content: [question, image] }] }));
        expect(body).toContain(pixel);
        expect(body).toContain(question.text);
      });

    if (carries.files)
      it("sends a file with its question", async () => {
        const body = JSON.stringify(await bodySentFor({ messages: [{ role: "user", content: [question, file] }] }));
        expect(body).toContain(pdf);
        expect(body).toContain(question.text);
      });

    if (carries.jsonSchema)
      it("sends the schema of the answer", async () => {
        const body = JSON.stringify(await bodySentFor({ response_format: verdictFormat }));
        expect(body).toContain("is_spam");
      });

    if (carries.toolResults)
      it("sends a tool's result after its call", async () => {
        const body = JSON.stringify(await bodySentFor({ messages: askedTheWeather, tools: [weather] }));
        expect(body).toContain("Lyon");
        expect(body).toContain("It rains in Lyon.");
        expect(body.indexOf("It rains in Lyon.")).toBeGreaterThan(body.indexOf("get_weather"));
      });

    if (carries.tokenClasses)
      it("counts cached, written and reasoning tokens apart, in and out of a stream", async () => {
        const expected = {
          inputTokens: 2006,
          cachedInputTokens: 1920,
          outputTokens: 300,
          reasoningTokens: 256,
          estimated: false,
        };
        expect((await create(patient).chat(callOf(cardFor("cached")))).usage).toMatchObject(expected);
        const { parts } = await collectParts(await create(patient).stream(callOf(cardFor("cached"))));
        expect(parts.at(-1)).toMatchObject({ type: "usage", usage: expected });
      });

    if (carries.contentFilter)
      it("says when a filter stopped the answer", async () => {
        expect((await create(patient).chat(callOf(cardFor("filtered")))).finishReason).toBe("content_filter");
        const { parts } = await collectParts(await create(patient).stream(callOf(cardFor("filtered"))));
        expect(parts).toContainEqual({ type: "finish", reason: "content_filter" });
      });

    if (carries.thinking)
      it("gives thinking apart from the answer", async () => {
        const result = await create(patient).chat(callOf(cardFor("think")));
        expect(result.content).toBe(hello);
        expect(result.thinking).toMatchObject([{ type: "thinking", thinking: "Let me think." }]);
        const { parts, text } = await collectParts(await create(patient).stream(callOf(cardFor("think"))));
        expect(text).toBe(hello);
        const deltas = parts.flatMap((part) => (part.type === "thinking-delta" ? [part.text] : []));
        expect(deltas.join("")).toBe("Let me think.");
        expect(parts).toContainEqual({ type: "thinking-end", block: result.thinking?.[0] });
      });

    if (carries.stopSequence)
      it("names the stop sequence that ended the answer", async () => {
        const stopped = { finishReason: "stop", stopSequence: "END" };
        const call = callOf(cardFor("stop-sequence"), { stop: ["END"] });
        expect(await create(patient).chat(call)).toMatchObject(stopped);
        const { parts } = await collectParts(await create(patient).stream(call));
        expect(parts).toContainEqual({ type: "finish", reason: "stop", stopSequence: "END" });
      });

    if (carries.limits)
      it("hears what is left of the provider's limits", async () => {
        const heard: UpstreamLimit[] = [];
        const call = {
          ...callOf(cardFor("limited")),
          onLimits: (limits: UpstreamLimit[]) => void heard.push(...limits),
        };
        await create(patient).chat(call);
        await readAll((await create(patient).stream(call)).getReader());
        const requests = heard.filter((limit) => limit.kind === "requests");
        expect(requests.map((limit) => limit.remaining)).toEqual([3, 3]);
        for (const { resetMs } of requests) {
          expect(resetMs).toBeGreaterThan(20_000);
          expect(resetMs).toBeLessThanOrEqual(30_000);
        }
      });
  });

  if (isClassic) return;
  it(`${name} passes refusals on`, async () => {
    expect(await create(patient).chat(callOf(cardFor("refusal")))).toMatchObject({
      content: null,
      refusal: "I cannot help with that.",
    });
    const { parts } = await collectParts(await create(patient).stream(callOf(cardFor("refusal"))));
    expect(parts).toContainEqual({ type: "refusal-delta", text: "I cannot help with that." });
  });
}

function neverAborted(): AbortSignal {
  return new AbortController().signal;
}

export async function readAll(reader: ReadableStreamDefaultReader<unknown>): Promise<void> {
  while (!(await reader.read()).done);
}
