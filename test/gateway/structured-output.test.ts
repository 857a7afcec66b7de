import { beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { callWorker, makeKey, scriptedEnv } from "../support/call-worker.ts";

let key: string;
beforeAll(async () => {
  key = await makeKey(["chat"]);
});
beforeEach(async () => {
  await fetch(`${inject("scriptedProviderUrl")}/__reset`, { method: "POST" });
});

const schema = {
  type: "object",
  properties: { answer: { type: "string" }, count: { type: "integer" } },
  required: ["answer", "count"],
  additionalProperties: false,
};
const response_format = { type: "json_schema", json_schema: { name: "answer", strict: true, schema } };
const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

async function ask(model: string, change: object = {}) {
  const body = { model: `scripted/${model}`, messages: [{ role: "user", content: "Hi" }], ...change };
  return callWorker(scriptedEnv(), "/v1/chat/completions", { key, body });
}

async function recorded(): Promise<{ messages: { role: string; content: string }[]; temperature?: number }[]> {
  const stats = await (await fetch(`${inject("scriptedProviderUrl")}/__stats`)).json();
  // The scripted provider's own record of what it was sent.
  return (stats as { recorded: { body: never }[] }).recorded.map(({ body }) => body);
}

/** What a stream said, put together. */
function read(text: string) {
  const events = text
    .split("\n\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice("data: ".length)));
  const deltas = events.flatMap((event) => event.choices?.map((choice: { delta: object }) => choice.delta) ?? []);
  return {
    content: deltas.map((delta) => delta.content ?? "").join(""),
    thinking: deltas.map((delta) => delta.reasoning_content ?? "").join(""),
    calls: deltas.flatMap((delta) => delta.tool_calls ?? []),
    logprobs: events.flatMap((event) => event.choices?.[0]?.logprobs?.content ?? []),
    error: events.find((event) => "error" in event)?.error ?? null,
    isDone: text.includes("data: [DONE]"),
    parapet: events.find((event) => "parapet" in event)?.parapet ?? null,
  };
}

describe("an answer with a schema", () => {
  it("is asked for without chance, unless the caller wants some", async () => {
    await ask("json", { response_format });
    await ask("json", { response_format, temperature: 0.7 });
    expect((await recorded()).map((body) => body.temperature)).toEqual([0, 0.7]);
  });

  it.each([[false], [true]])("is repaired once when it does not fit (stream: %s)", async (stream) => {
    const { status, json, text } = await ask("json-wrong-first", { response_format, stream });
    expect(status, text).toBe(200);
    const content = stream ? read(text).content : json.choices[0].message.content;
    expect(JSON.parse(content)).toEqual({ answer: "yes", count: 2 });
    const parapet = stream ? read(text).parapet : json.parapet;
    expect(parapet.route.attempts.map((attempt: { outcome: string }) => attempt.outcome)).toEqual([
      "structured_output_invalid",
      "ok",
    ]);
    const [, second] = await recorded();
    expect(second?.messages.at(-1)?.content).toContain("count");
  });

  it("bills both tries, and counts both in the usage", async () => {
    const one = await ask("json", { response_format });
    const two = await ask("json-wrong-first", { response_format });
    expect(two.json.usage.completion_tokens).toBeGreaterThan(one.json.usage.completion_tokens);
    expect(two.json.parapet.cost_micros).toBe(two.json.usage.prompt_tokens + 10 * two.json.usage.completion_tokens);
  });

  it("ends as a typed error when it never fits", async () => {
    const { status, json, headers } = await ask("json-wrong", { response_format });
    expect([status, json.error.code]).toEqual([502, "structured_output_invalid"]);
    expect(headers.get("x-should-retry")).toBe("false");
    expect(await recorded()).toHaveLength(2);
  });

  it("ends as the same error, before a word of it, when it is streamed", async () => {
    const { status, text } = await ask("json-wrong", { response_format, stream: true });
    expect([status, JSON.parse(text).error.code]).toEqual([502, "structured_output_invalid"]);
  });

  it("is refused where a redaction breaks its form", async () => {
    const narrow = {
      ...schema,
      properties: { ...schema.properties, answer: { type: "string", pattern: "^[0-9 ]+$" } },
    };
    const { status, json } = await ask("json-with-card", {
      response_format: { type: "json_schema", json_schema: { name: "answer", schema: narrow } },
    });
    expect([status, json.error.code]).toEqual([400, "guardrail_refused"]);
    expect(JSON.stringify(json)).not.toContain("4111");
  });
});

describe("a tool call", () => {
  it.each([[false], [true]])("is repaired once when its arguments do not fit (stream: %s)", async (stream) => {
    const { status, json, text } = await ask("tool-call-wrong-first", { tools, stream });
    expect(status, text).toBe(200);
    const calls = stream ? read(text).calls : json.choices[0].message.tool_calls;
    expect(calls).toHaveLength(1);
    expect(JSON.parse(calls[0].function.arguments)).toEqual({ city: "Paris" });
    const [, second] = await recorded();
    expect(second?.messages.at(-1)?.role).toBe("tool");
  });

  it.each([[false], [true]])("may be repaired by an answer in words (stream: %s)", async (stream) => {
    const { status, json, text } = await ask("tool-call-wrong-then-text", { tools, stream });
    expect(status, text).toBe(200);
    const content = stream ? read(text).content : json.choices[0].message.content;
    expect(content).toBe((await ask("ok")).json.choices[0].message.content);
  });

  it("ends as a typed error when its arguments never fit", async () => {
    const { json } = await ask("tool-call-wrong", { tools });
    expect(json.error.code).toBe("structured_output_invalid");
  });
});

describe("thinking", () => {
  it("is passed on beside the answer", async () => {
    const { json } = await ask("think");
    expect(json.choices[0].message.reasoning_content).toBe("Let me think.");
    expect(read((await ask("think", { stream: true })).text).thinking).toBe("Let me think.");
  });

  it("passes the same guardrails", async () => {
    const whole = await ask("think-card");
    expect(whole.text).not.toContain("4111");
    const streamed = await ask("think-card", { stream: true });
    expect(streamed.text).not.toContain("4111");
    expect(read(streamed.text).thinking).toContain("[CARD]");
  });
});

describe("logprobs", () => {
  it("come with an answer that left as it was", async () => {
    const { json } = await ask("logprobs", { logprobs: true, top_logprobs: 1 });
    const tokens = json.choices[0].logprobs.content.map((entry: { token: string }) => entry.token);
    expect(tokens.join("")).toBe(json.choices[0].message.content);
    const streamed = read((await ask("logprobs", { logprobs: true, stream: true })).text);
    expect(streamed.logprobs).toHaveLength(5);
  });
});
