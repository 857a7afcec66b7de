import OpenAI, { APIError, BadRequestError, NotFoundError } from "openai";
import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import type { ResponseInputItem, ResponseStreamEvent } from "openai/resources/responses/responses";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { issueKey } from "./api.ts";

// The official client, unmodified: only `baseURL` and `apiKey` are ours.

const hello = "Hello from the scripted provider.";
const verdict = z.object({ answer: z.string(), count: z.number() });
const weather = {
  type: "function" as const,
  name: "get_weather",
  strict: false,
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

let client: OpenAI;

function clientOf(apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${inject("baseUrl")}/v1`, apiKey, maxRetries: 0 });
}

async function listAll<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

beforeAll(async () => {
  client = clientOf((await issueKey()).key);
});

describe("responses", () => {
  it("answer in one piece, with the provider's own count", async () => {
    const response = await client.responses.create({ model: "scripted/usage-0-50", input: "Say hello." });
    expect(response.output_text).toBe(hello);
    expect(response).toMatchObject({
      object: "response",
      status: "completed",
      model: "scripted/usage-0-50",
      usage: { input_tokens: 0, output_tokens: 50, total_tokens: 50 },
    });
    expect(response._request_id).toMatch(/^req_/);
  });

  it("stream the same answer in events", async () => {
    const stream = await client.responses.create({ model: "scripted/long-20", input: "Hi", stream: true });
    const events: ResponseStreamEvent[] = await listAll(stream);
    const text = events.flatMap((event) => (event.type === "response.output_text.delta" ? [event.delta] : [])).join("");
    expect(text).toBe("One two three four five six seven eight nine ten. ".repeat(20));
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_event, index) => index));
    const last = events.at(-1);
    expect(last?.type === "response.completed" && last.response.usage?.output_tokens).toBe(20);
  });

  it("reach the first reader before the last piece is there", async () => {
    const startMs = performance.now();
    const stream = await client.responses.create({ model: "scripted/long-200", input: "Hi", stream: true });
    let firstMs = 0;
    for await (const event of stream) {
      if (event.type === "response.output_text.delta" && firstMs === 0) firstMs = performance.now() - startMs;
    }
    // 200 pieces, 20 ms apart.
    expect(firstMs).toBeLessThan((performance.now() - startMs) / 2);
  });

  it("satisfy the streaming helper", async () => {
    const texts: string[] = [];
    const stream = client.responses
      .stream({ model: "scripted/ok", input: "Hi" })
      .on("response.output_text.delta", (event) => void texts.push(event.delta));
    const final = await stream.finalResponse();
    expect(final.output_text).toBe(hello);
    expect(texts.join("")).toBe(hello);
  });

  it("satisfy the streaming helper with reasoning and with calls", async () => {
    const thought = await client.responses.stream({ model: "scripted/think", input: "Hi" }).finalResponse();
    expect(thought.output.map((item) => item.type)).toEqual(["reasoning", "message"]);
    const called = await client.responses
      .stream({ model: "scripted/parallel-tool-calls", input: "Hi", tools: [weather] })
      .finalResponse();
    expect(called.output.map((item) => (item.type === "function_call" ? item.arguments : null))).toEqual([
      '{"city":"Paris"}',
      '{"city":"Rome"}',
    ]);
  });

  it("parse structured output", async () => {
    const text = { format: zodTextFormat(verdict, "verdict") };
    const parsed = await client.responses.parse({ model: "scripted/json", input: "Judge.", text });
    expect(parsed.output_parsed).toEqual({ answer: "yes", count: 2 });
    const streamed = await client.responses.stream({ model: "scripted/json", input: "Judge.", text }).finalResponse();
    expect(streamed.output_parsed).toEqual({ answer: "yes", count: 2 });
  });

  it("parse the arguments of functions", async () => {
    const tools = [zodResponsesFunction({ name: "get_weather", parameters: z.object({ city: z.string() }) })];
    const parsed = await client.responses.parse({ model: "scripted/tool-call", input: "Weather?", tools });
    expect(parsed.output[0]).toMatchObject({ type: "function_call", parsed_arguments: { city: "Paris" } });
  });

  it("go round with functions, their items sent back as they came", async () => {
    const input: ResponseInputItem[] = [{ role: "user", content: "Weather?" }];
    const first = await client.responses.create({ model: "scripted/tool-call", input, tools: [weather], store: false });
    for (const item of first.output) {
      if (item.type !== "function_call") throw new Error("only calls were scripted");
      input.push(item, { type: "function_call_output", call_id: item.call_id, output: "sunny" });
    }
    const second = await client.responses.create({ model: "scripted/ok", input, tools: [weather], store: false });
    expect(second.output_text).toBe(hello);
  });
});

describe("conversations", () => {
  it("are continued, read, listed and deleted", async () => {
    const first = await client.responses.create({ model: "scripted/echo", input: "My name is Ada." });
    const second = await client.responses.create({
      model: "scripted/echo",
      input: [{ role: "user", content: "And now?" }],
      previous_response_id: first.id,
    });
    expect(second.output_text).toBe("And now?");
    expect(second.usage?.input_tokens).toBeGreaterThan(first.usage?.input_tokens ?? 0);

    expect((await client.responses.retrieve(second.id)).output_text).toBe("And now?");
    const items = await listAll(client.responses.inputItems.list(second.id, { limit: 1 }));
    expect(items).toMatchObject([{ role: "user", content: [{ type: "input_text", text: "And now?" }] }]);

    await client.responses.delete(second.id);
    await expect(client.responses.retrieve(second.id)).rejects.toBeInstanceOf(NotFoundError);
    expect((await client.responses.retrieve(first.id)).id).toBe(first.id);
  });

  it("go on where a stream ended", async () => {
    const first = await client.responses
      .stream({ model: "scripted/tool-call", input: "Hi", tools: [weather] })
      .finalResponse();
    const call = first.output[0];
    if (call?.type !== "function_call") throw new Error("a call was scripted");
    const second = await client.responses.create({
      model: "scripted/ok",
      previous_response_id: first.id,
      input: [{ type: "function_call_output", call_id: call.call_id, output: "sunny" }],
      tools: [weather],
    });
    expect(second.output_text).toBe(hello);
  });

  it("are nobody else's", async () => {
    const mine = await client.responses.create({ model: "scripted/ok", input: "Hi" });
    const other = clientOf((await issueKey()).key);
    await expect(other.responses.retrieve(mine.id)).rejects.toBeInstanceOf(NotFoundError);
    await expect(
      other.responses.create({ model: "scripted/ok", input: "Hi", previous_response_id: mine.id }),
    ).rejects.toBeInstanceOf(NotFoundError);
  });
});

describe("responses that fail", () => {
  it("are typed errors before the first token", async () => {
    const refused = client.responses.create({ model: "scripted/ok", input: "Hi", background: true });
    await expect(refused).rejects.toBeInstanceOf(BadRequestError);
    await expect(
      client.responses.create({ model: "scripted/ok", input: "Hi", tools: [{ type: "web_search" }] }),
    ).rejects.toMatchObject({ status: 400, param: "tools.0.type" });
    await expect(client.responses.create({ model: "nobody/none", input: "Hi" })).rejects.toBeInstanceOf(NotFoundError);
  });

  it("end a stream with an error, never with a completed response", async () => {
    const stream = await client.responses.create({ model: "scripted/cut-mid-stream", input: "Hi", stream: true });
    const types: string[] = [];
    const reading = (async () => {
      for await (const event of stream) types.push(event.type);
    })();
    await expect(reading).rejects.toBeInstanceOf(APIError);
    expect(types).not.toContain("response.completed");
    expect(types).toContain("response.output_text.delta");
  });
});

// What the Open Responses compliance suite asks (openresponses.org/compliance): six requests, each answered by an object with
// all the fields of its schema.
const required = [
  "id",
  "object",
  "created_at",
  "completed_at",
  "status",
  "incomplete_details",
  "model",
  "previous_response_id",
  "instructions",
  "output",
  "error",
  "tools",
  "tool_choice",
  "truncation",
  "parallel_tool_calls",
  "text",
  "top_p",
  "presence_penalty",
  "frequency_penalty",
  "top_logprobs",
  "temperature",
  "reasoning",
  "usage",
  "max_output_tokens",
  "max_tool_calls",
  "store",
  "background",
  "service_tier",
  "metadata",
  "safety_identifier",
  "prompt_cache_key",
];
const message = (role: "user" | "assistant" | "system", content: string): ResponseInputItem => ({
  type: "message",
  role,
  content,
});

describe("the Open Responses compliance suite", () => {
  it.each<[string, string, ResponseInputItem[], "message" | "function_call"]>([
    ["a basic text response", "scripted/ok", [message("user", "Say hello in exactly 3 words.")], "message"],
    [
      "a system prompt",
      "scripted/ok",
      [message("system", "You are a pirate. Always respond in pirate speak."), message("user", "Say hello.")],
      "message",
    ],
    ["tool calling", "scripted/tool-call", [message("user", "What's the weather in Paris?")], "function_call"],
    [
      "a conversation",
      "scripted/ok",
      [message("user", "My name is Alice."), message("assistant", "Hello Alice!"), message("user", "What is my name?")],
      "message",
    ],
  ])("passes: %s", async (_what, model, input, type) => {
    const tools = type === "function_call" ? { tools: [weather] } : {};
    const response = await client.responses.create({ model, input, ...tools });
    expect(Object.keys(response)).toEqual(expect.arrayContaining(required));
    expect(response).toMatchObject({ object: "response", status: "completed" });
    expect(response.output.map((item) => item.type)).toContain(type);
  });

  it("passes: a streamed response", async () => {
    const input = [message("user", "Count from 1 to 5.")];
    const events = await listAll(await client.responses.create({ model: "scripted/ok", input, stream: true }));
    const last = events.at(-1);
    if (last?.type !== "response.completed") throw new Error(`ended with ${last?.type}`);
    expect(Object.keys(last.response)).toEqual(expect.arrayContaining(required));
    expect(last.response.status).toBe("completed");
  });
});
