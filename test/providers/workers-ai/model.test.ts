import { describe, expect, it } from "vitest";
import type { ModelCard } from "../../../src/core/model.ts";
import { createWorkersAI, type AIBinding } from "../../../src/providers/workers-ai/model.ts";
import { callOf, describeProviderContract, failureOf, patient } from "../contract.ts";
import { collectParts } from "../collect-parts.ts";
import { scriptedBinding } from "./scripted-binding.ts";

function cardFor(name: string): ModelCard {
  return {
    id: `workers-ai/${name}`,
    provider: "workers-ai",
    name,
    kind: "chat",
    tier: "fast",
    contextWindow: 8_192,
    maxOutputTokens: 1_024,
    capabilities: ["tools", "json_schema"],
    price: null,
    staysAtEdge: true,
  };
}

describeProviderContract("Workers AI", {
  create: (timeouts) => createWorkersAI(scriptedBinding({ passesSignal: true }), { timeouts }),
  cardFor,
  isClassic: true,
  carries: { responses: false },
});

describe("Workers AI", () => {
  it("leaves a binding that ignores the signal when its time is up, and cancels what comes later", async () => {
    let cancelled: () => void = () => undefined;
    const isCancelled = new Promise<void>((resolve) => (cancelled = resolve));
    let answer: (stream: ReadableStream) => void = () => undefined;
    const binding: AIBinding = { run: () => new Promise((resolve) => (answer = resolve)) };
    const work = createWorkersAI(binding, { timeouts: { ...patient, headersMs: 30 } }).stream(callOf(cardFor("ok")));
    expect(await failureOf(work)).toMatchObject({ code: "upstream_timeout", limit: "headers" });
    answer(new ReadableStream({ cancel: () => cancelled() }));
    await isCancelled;
  });

  it.each([
    ["text", { response: "x".repeat(4_000_001) }],
    ["arguments", { tool_calls: [{ name: "f", arguments: { text: "x".repeat(4_000_001) } }] }],
    ["OpenAI's shape", { choices: [{ message: { content: "x".repeat(4_000_001) } }] }],
  ])("refuses an answer of more %s than anybody asked for, streamed or not", async (_what, output) => {
    const model = createWorkersAI({ run: () => Promise.resolve(output) }, { timeouts: patient });
    expect(await failureOf(model.chat(callOf(cardFor("m"))))).toMatchObject({ code: "upstream_invalid_response" });
    expect(await failureOf(model.stream(callOf(cardFor("m"))))).toMatchObject({ code: "upstream_invalid_response" });
  });

  it.each([
    ["404", 400],
    ["429", 429],
    ["401", 403],
    ["503", null],
  ])("names the status that is documented with the code of %s, if one is", async (behaviour, upstreamStatus) => {
    const model = createWorkersAI(scriptedBinding({ passesSignal: true }), { timeouts: patient });
    expect((await failureOf(model.chat(callOf(cardFor(behaviour))))).upstreamStatus).toBe(upstreamStatus);
  });

  it("asks for JSON whole, and streams it in one piece", async () => {
    const seen: unknown[] = [];
    const binding: AIBinding = {
      run(_model, inputs) {
        seen.push(inputs);
        return Promise.resolve({
          response: { answer: 42 },
          usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
        });
      },
    };
    const call = callOf(cardFor("@cf/meta/llama-3.3-70b-instruct-fp8-fast"), {
      response_format: { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" } } },
    });
    const { parts, text } = await collectParts(await createWorkersAI(binding, { timeouts: patient }).stream(call));
    expect(text).toBe('{"answer":42}');
    expect(parts.map((part) => part.type)).toEqual(["start", "text-delta", "finish", "usage"]);
    expect(seen[0]).toMatchObject({ response_format: { type: "json_schema", json_schema: { type: "object" } } });
    expect(seen[0]).not.toHaveProperty("stream");
  });

  it("splits embeddings into the batches Workers AI takes", async () => {
    const sizes: number[] = [];
    const binding: AIBinding = {
      run(_model, inputs) {
        const { text } = inputs as { text: string[] };
        sizes.push(text.length);
        return Promise.resolve({ shape: [text.length, 1], data: text.map((item) => [Number(item)]) });
      },
    };
    const inputs = Array.from({ length: 201 }, (_, index) => String(index));
    const call = { card: cardFor("m"), inputs, signal: new AbortController().signal, traceparent: "" };
    const { vectors, usage } = await createWorkersAI(binding, { timeouts: patient }).embed(call);
    expect(sizes).toEqual([100, 100, 1]);
    expect(vectors.map(([value]) => value)).toEqual(inputs.map(Number));
    expect(usage).toBeNull();
    expect(
      await failureOf(createWorkersAI(binding, { timeouts: patient }).embed({ ...call, dimensions: 5 })),
    ).toMatchObject({
      code: "unsupported_parameter",
      param: "dimensions",
    });
  });
});
