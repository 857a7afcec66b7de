import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { runLocalAI } from "../../src/local/ai.ts";

const model = "local/some-model";
const baseUrl = "http://127.0.0.1:8788/v1";
const messages = [{ role: "user", content: "Hello" }];
const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };

/** A model server that gives one answer to every request, and what it was asked. */
function scriptedServer(
  status: number,
  body: unknown,
): { fetch: typeof fetch; asked: { url: string; body: unknown }[] } {
  const asked: { url: string; body: unknown }[] = [];
  return {
    asked,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      asked.push({ url: request.url, body: await request.json() });
      return typeof body === "string" ? new Response(body, { status }) : Response.json(body, { status });
    },
  };
}

function completionOf(message: object): object {
  return { choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason: "stop" }], usage };
}

function streamOf(pieces: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece));
      controller.close();
    },
  });
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return String(error);
  }
  throw new Error("expected a failure");
}

describe("the AI binding", () => {
  it("refuses a Workers AI model id with the service's own error and a hint", async () => {
    const failure = await failureOf(env.AI.run("@cf/meta/llama-3.3-70b-instruct-fp8-fast", { messages }));
    expect(failure).toContain("5007: No such model @cf/meta/llama-3.3-70b-instruct-fp8-fast or task");
    expect(failure).toContain("local/");
  });

  it.each([
    { name: "no prompt", inputs: {}, problem: "required properties at '/' are 'prompt'" },
    { name: "no messages in the list", inputs: { messages: [] }, problem: "at '/messages'" },
    {
      name: "an unknown role",
      inputs: { messages: [{ role: "robot", content: "x" }] },
      problem: "at '/messages/0/role'",
    },
    { name: "no tokens", inputs: { messages, max_tokens: 0 }, problem: "at '/max_tokens'" },
    { name: "a temperature above 5", inputs: { messages, temperature: 6 }, problem: "at '/temperature'" },
    { name: "101 texts", inputs: { text: Array.from({ length: 101 }, () => "x") }, problem: "at '/text'" },
    { name: "an empty text", inputs: { text: "" }, problem: "at '/text'" },
  ])("refuses inputs with $name", async ({ inputs, problem }) => {
    const failure = await failureOf(env.AI.run(model, inputs));
    expect(failure).toContain("5006: Error: ");
    expect(failure).toContain(problem);
  });
});

describe("text generation", () => {
  it("answers with response and usage", async () => {
    const server = scriptedServer(200, completionOf({ content: "Hi." }));
    expect(await runLocalAI({ baseUrl, fetch: server.fetch }, model, { messages })).toEqual({ response: "Hi.", usage });
    expect(server.asked).toEqual([{ url: `${baseUrl}/chat/completions`, body: { model, messages, max_tokens: 256 } }]);
  });

  it("takes a bare prompt", async () => {
    const server = scriptedServer(200, completionOf({ content: "Hi." }));
    await runLocalAI({ baseUrl, fetch: server.fetch }, model, { prompt: "Hello" });
    expect(server.asked[0]?.body).toMatchObject({ messages });
  });

  it("gives a tool call with its arguments as an object", async () => {
    const call = { id: "call_1", type: "function", function: { name: "add", arguments: '{"a":1}' } };
    const { fetch } = scriptedServer(200, completionOf({ content: null, tool_calls: [call] }));
    const tools = [{ name: "add", parameters: { type: "object" } }];
    expect(await runLocalAI({ baseUrl, fetch }, model, { messages, tools })).toEqual({
      response: null,
      tool_calls: [{ name: "add", arguments: { a: 1 } }],
      usage,
    });
  });

  it("takes both spellings of tools and of a JSON schema", async () => {
    const server = scriptedServer(200, completionOf({ content: '{"a": 1}' }));
    const schema = { type: "object", properties: { a: { type: "integer" } } };
    const flat = { name: "add", parameters: { type: "object" } };
    const deps = { baseUrl, fetch: server.fetch };
    await runLocalAI(deps, model, {
      messages,
      tools: [flat],
      response_format: { type: "json_schema", json_schema: schema },
    });
    const wrapped = { type: "json_schema", json_schema: { name: "answer", schema } };
    await runLocalAI(deps, model, {
      messages,
      tools: [{ type: "function", function: flat }],
      response_format: wrapped,
    });
    expect(server.asked[0]?.body).toEqual(server.asked[1]?.body);
  });

  it("gives JSON as an object, and fails as JSON mode does when there is none", async () => {
    const inputs = { messages, response_format: { type: "json_object" } };
    const good = scriptedServer(200, completionOf({ content: '{"a": 1}' }));
    expect(await runLocalAI({ baseUrl, fetch: good.fetch }, model, inputs)).toEqual({ response: { a: 1 }, usage });
    const cut = scriptedServer(200, completionOf({ content: '{"a": ' }));
    expect(await failureOf(runLocalAI({ baseUrl, fetch: cut.fetch }, model, inputs))).toBe(
      "AiError: 5024: JSON Mode couldn't be met",
    );
  });

  it.each([
    {
      name: "an unknown local model",
      status: 404,
      error: { code: "model_not_found", message: "no" },
      failure: "AiError: 5007: No such model",
    },
    {
      name: "a full queue",
      status: 503,
      error: { code: "queue_full", message: "full" },
      failure: "AiError: 3040: Capacity temporarily exceeded",
    },
    {
      name: "a rejected schema",
      status: 400,
      error: { code: "invalid_json_schema", message: "no $ref" },
      failure: "AiError: 5006: Error: no $ref",
    },
    {
      name: "a crash",
      status: 500,
      error: { code: "internal_error", message: "boom" },
      failure: "AiError: 3043: Internal server error",
    },
    {
      name: "a prompt that is too long",
      status: 400,
      error: {
        code: "context_length_exceeded",
        message: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
      },
      failure:
        "AiError: 5021: The estimated number of input and maximum output tokens (9256) exceeded this model context window limit (8192).",
    },
    {
      name: "no chat model",
      status: 503,
      error: { code: "model_unavailable", message: "None is loaded." },
      failure: "Error: model_unavailable: None is loaded.",
    },
  ])("fails with the service's error for $name", async ({ status, error, failure }) => {
    const { fetch } = scriptedServer(status, { error });
    expect(await failureOf(runLocalAI({ baseUrl, fetch }, model, { messages }))).toContain(failure);
  });

  it.each([
    { name: "no server is configured", deps: { baseUrl: undefined } },
    { name: "nothing answers", deps: { baseUrl, fetch: () => Promise.reject(new TypeError("connection refused")) } },
  ])("says how to start a model when $name", async ({ deps }) => {
    const failure = await failureOf(runLocalAI(deps, model, { messages }));
    expect(failure).toMatch(/^Error: model_unavailable: .*npm run dev/);
  });
});

describe("streams", () => {
  const delta = (fields: object): string => `data: ${JSON.stringify({ choices: [{ index: 0, delta: fields }] })}\n\n`;
  const usageEvent = `data: ${JSON.stringify({ choices: [], usage })}\n\n`;

  async function streamed(body: string, pieceLength = body.length): Promise<string> {
    const pieces = Array.from({ length: Math.ceil(body.length / pieceLength) }, (_, at) =>
      body.slice(at * pieceLength, (at + 1) * pieceLength),
    );
    const fetch = async (): Promise<Response> => new Response(streamOf(pieces));
    const stream = await runLocalAI({ baseUrl, fetch }, model, { messages, stream: true });
    if (!(stream instanceof ReadableStream)) throw new Error("expected a stream");
    return new Response(stream).text();
  }

  it.each([{ pieceLength: 1 }, { pieceLength: 7 }, { pieceLength: 1000 }])(
    "carry response events, the usage and [DONE], cut into $pieceLength characters",
    async ({ pieceLength }) => {
      const body = `${delta({ role: "assistant", content: "" })}${delta({ content: "Hé" })}${delta({ content: "llo" })}${usageEvent}data: [DONE]\n\n`;
      expect(await streamed(body, pieceLength)).toBe(
        `data: {"response":"Hé"}\n\ndata: {"response":"llo"}\n\ndata: {"response":"","usage":${JSON.stringify(usage)}}\n\ndata: [DONE]\n\n`,
      );
    },
  );

  it("carry a tool call whole, put together from its pieces", async () => {
    const pieces = [
      { index: 0, id: "c", function: { name: "add", arguments: '{"a"' } },
      { index: 0, function: { arguments: ":1}" } },
    ];
    const body = `${pieces.map((piece) => delta({ tool_calls: [piece] })).join("")}data: [DONE]\n\n`;
    expect(await streamed(body)).toContain(
      'data: {"response":"","tool_calls":[{"name":"add","arguments":{"a":1}}]}\n\n',
    );
  });

  it("fail when the model's stream breaks off", async () => {
    await expect(streamed(delta({ content: "Hel" }))).rejects.toThrow("broke off");
  });

  it("fail when the model reports an error in mid-stream", async () => {
    await expect(streamed(`${delta({ content: "Hel" })}data: {"error":{"message":"boom"}}\n\n`)).rejects.toThrow(
      "boom",
    );
  });
});

describe("embeddings", () => {
  it("answer with their shape and data", async () => {
    const server = scriptedServer(200, { data: [{ embedding: [1, 0] }, { embedding: [0, 1] }] });
    const output = await runLocalAI({ baseUrl, fetch: server.fetch }, "local/use-lite-512", { text: ["a", "b"] });
    expect(output).toEqual({
      shape: [2, 2],
      data: [
        [1, 0],
        [0, 1],
      ],
    });
    expect(server.asked[0]).toEqual({
      url: `${baseUrl}/embeddings`,
      body: { model: "local/use-lite-512", input: ["a", "b"] },
    });
  });
});
