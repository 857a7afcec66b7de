import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import OpenAI, { APIError } from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { runLocalAI } from "../../../src/local/ai.ts";
import type { ChatBackend } from "../../../src/local/node/chat-backend.ts";
import { loadEmbedder, type Embedder } from "../../../src/local/node/embeddings.ts";
import { createEngineBackend } from "../../../src/local/node/engine-backend.ts";
import type { Engine, GenerateOptions } from "../../../src/local/node/engine.ts";
import { serveModels, type ModelServer } from "../../../src/local/node/model-server.ts";
import { createProxyBackend } from "../../../src/local/node/proxy-backend.ts";

const model = "local/scripted";
const messages = [{ role: "user" as const, content: "Hello" }];
const closing: (() => Promise<unknown>)[] = [];
let embedder: Embedder;

beforeAll(async () => {
  embedder = await loadEmbedder();
});

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function serve(chat: ChatBackend | null): Promise<ModelServer> {
  const server = await serveModels({ port: 0, models: { chat, embedder } });
  closing.push(() => server.close());
  return server;
}

function clientOf({ url }: ModelServer): OpenAI {
  return new OpenAI({ baseURL: url, apiKey: "none", maxRetries: 0 });
}

/** An engine of 1000 tokens that says the given pieces, one a token; a prompt is as long as its text. */
function scriptedEngine(pieces: string[], seen: GenerateOptions[] = []): Engine {
  return {
    contextSize: 1000,
    encode: (history) => Array.from(JSON.stringify(history).slice(0, 2000), (character) => character.charCodeAt(0)),
    async *generate(options) {
      seen.push(options);
      const said = pieces.slice(0, options.maxTokens);
      for (const piece of said) {
        options.signal.throwIfAborted();
        yield piece;
      }
      return { reason: said.length < pieces.length ? "length" : "stop", outputTokens: said.length, cachedTokens: 3 };
    },
    close: async () => {},
  };
}

/** An engine that says "a" and then nothing more until it is told to end or its request is given up. */
function hangingEngine(): { engine: Engine; started: Promise<void>; givenUp: Promise<void> } {
  const started = Promise.withResolvers<void>();
  const givenUp = Promise.withResolvers<void>();
  const engine: Engine = {
    ...scriptedEngine([]),
    async *generate({ signal }) {
      started.resolve();
      yield "a";
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      givenUp.resolve();
      throw signal.reason;
    },
  };
  return { engine, started: started.promise, givenUp: givenUp.promise };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function apiErrorOf(promise: Promise<unknown>): Promise<Pick<APIError, "status" | "code" | "param">> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof APIError)) throw new Error(`expected an APIError, got ${String(error)}`);
  return { status: error.status, code: error.code, param: error.param };
}

describe("chat", () => {
  it("answers an OpenAI client, plain", async () => {
    const client = clientOf(await serve(createEngineBackend(scriptedEngine(["Hi", " there"]), model)));
    const answer = await client.chat.completions.create({ model, messages });
    expect(answer.choices[0]).toMatchObject({
      message: { role: "assistant", content: "Hi there" },
      finish_reason: "stop",
    });
    expect(answer.usage).toMatchObject({ completion_tokens: 2, prompt_tokens_details: { cached_tokens: 3 } });
    expect(answer.model).toBe(model);
  });

  it("streams to an OpenAI client, with the usage last when asked", async () => {
    const client = clientOf(await serve(createEngineBackend(scriptedEngine(["Hi", " there"]), model)));
    const chunks = await collect(
      await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } }),
    );
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe("Hi there");
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 2 } });
  });

  it("says length when max_tokens cut the answer", async () => {
    const client = clientOf(await serve(createEngineBackend(scriptedEngine(["a", "b", "c"]), model)));
    const answer = await client.chat.completions.create({ model, messages, max_tokens: 2 });
    expect(answer.choices[0]).toMatchObject({ message: { content: "ab" }, finish_reason: "length" });
  });

  it("ends at a stop string and frees the engine", async () => {
    const client = clientOf(await serve(createEngineBackend(scriptedEngine(["one ", "two ", "three"]), model)));
    for (const _round of [1, 2]) {
      const answer = await client.chat.completions.create({ model, messages, stop: "two" });
      expect(answer.choices[0]).toMatchObject({ message: { content: "one " }, finish_reason: "stop" });
    }
  });

  describe("with tools", () => {
    const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
    const tools = [{ type: "function" as const, function: { name: "weather", parameters } }];
    const pieces = ['{"name": "weather", ', '"arguments": {"city": "Rome"}}'];

    it("turns the model's call into a tool call", async () => {
      const client = clientOf(await serve(createEngineBackend(scriptedEngine(pieces), model)));
      const answer = await client.chat.completions.create({ model, messages, tools });
      expect(answer.choices[0]).toMatchObject({
        finish_reason: "tool_calls",
        message: {
          content: null,
          tool_calls: [{ type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } }],
        },
      });
    });

    it("streams the call whole", async () => {
      const client = clientOf(await serve(createEngineBackend(scriptedEngine(pieces), model)));
      const stream = client.chat.completions.stream({ model, messages, tools });
      expect((await stream.finalChatCompletion()).choices[0]?.message.tool_calls?.[0]).toMatchObject({
        function: { name: "weather", arguments: '{"city":"Rome"}' },
      });
    });

    it("gives no half call when the answer was cut", async () => {
      const client = clientOf(await serve(createEngineBackend(scriptedEngine(pieces), model)));
      const answer = await client.chat.completions.create({ model, messages, tools, max_tokens: 1 });
      expect(answer.choices[0]).toMatchObject({ finish_reason: "length", message: { content: "" } });
      expect(answer.choices[0]?.message.tool_calls).toBeUndefined();
    });

    it("lets words through where the choice is the model's, and only calls where one is required", async () => {
      const seen: GenerateOptions[] = [];
      const client = clientOf(await serve(createEngineBackend(scriptedEngine(["Sunny."], seen), model)));
      const answer = await client.chat.completions.create({ model, messages, tools });
      expect(answer.choices[0]?.message.content).toBe("Sunny.");
      await client.chat.completions.create({ model, messages, tools, tool_choice: "required" });
      const roots = seen.map(({ grammar }) => grammar?.split("\n")[0]);
      expect(roots[0]).toBe(`${roots[1]} | ${roots[0]?.split(" | ")[1]}`);
      expect(roots[1]).toMatch(/^root ::= "\{\\"name\\": \\"weather\\", \\"arguments\\": " r\d+ "\}"$/);
    });

    it("refuses a tool_choice that names no tool", async () => {
      const client = clientOf(await serve(createEngineBackend(scriptedEngine([]), model)));
      const choice = { type: "function" as const, function: { name: "other" } };
      const failure = apiErrorOf(client.chat.completions.create({ model, messages, tools, tool_choice: choice }));
      expect(await failure).toMatchObject({ status: 400, param: "tool_choice" });
    });
  });

  it.each([
    {
      name: "another model",
      body: { model: "local/other", messages },
      error: { status: 404, code: "model_not_found", param: "model" },
    },
    {
      name: "a wrong role",
      body: { model, messages: [{ role: "robot", content: "x" }] },
      error: { status: 400, code: "invalid_request" },
    },
    {
      name: "a prompt over the context",
      body: { model, messages: [{ role: "user", content: "x".repeat(2000) }] },
      error: { status: 400, code: "context_length_exceeded" },
    },
    {
      name: "an image",
      body: {
        model,
        messages: [
          { role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }] },
        ],
      },
      error: { status: 400, code: "unsupported_content" },
    },
  ])("refuses $name", async ({ body, error }) => {
    const client = clientOf(await serve(createEngineBackend(scriptedEngine([]), model)));
    // The bodies are wrong on purpose.
    expect(await apiErrorOf(client.post("/chat/completions", { body }))).toMatchObject(error);
  });

  it("answers 503 with a typed error when there is no chat model, and still embeds", async () => {
    const server = await serve(null);
    const client = clientOf(server);
    expect(server.chatModel).toBeNull();
    expect(await apiErrorOf(client.chat.completions.create({ model, messages }))).toMatchObject({
      status: 503,
      code: "model_unavailable",
    });
    expect((await client.embeddings.create({ model: server.embeddingModel, input: "x" })).data).toHaveLength(1);
  });

  it("refuses a host that is not loopback, as a page behind a rebound name would send", async () => {
    const { url } = await serve(null);
    const { port } = new URL(url);
    const { request } = await import("node:http");
    const status = await new Promise((resolve, reject) => {
      request({ port, path: "/v1/models", headers: { host: "evil.example" } }, (response) =>
        resolve(response.resume().statusCode),
      )
        .on("error", reject)
        .end();
    });
    expect(status).toBe(403);
  });
});

describe("turns", () => {
  it("are refused once the queue is full", async () => {
    const { engine, started } = hangingEngine();
    const server = await serve(createEngineBackend(engine, model, { maxWaiting: 1 }));
    const client = clientOf(server);
    const leave = new AbortController();
    const running = client.chat.completions.create({ model, messages }, { signal: leave.signal });
    const waiting = client.chat.completions.create({ model, messages }, { signal: leave.signal });
    await started;
    await expect
      .poll(async () => (await fetch(new URL("/healthz", server.url))).json())
      .toMatchObject({ queue: { running: 1, waiting: 1 } });
    expect(await apiErrorOf(client.chat.completions.create({ model, messages }))).toMatchObject({
      status: 503,
      code: "queue_full",
    });
    leave.abort();
    await Promise.allSettled([running, waiting]);
  });

  it("end when the client hangs up, and the next request gets its turn", async () => {
    const { engine, givenUp } = hangingEngine();
    const server = await serve(createEngineBackend(engine, model));
    const leave = new AbortController();
    const stream = await clientOf(server).chat.completions.create(
      { model, messages, stream: true },
      { signal: leave.signal },
    );
    const reading = collect(stream).catch(() => []);
    leave.abort();
    await givenUp;
    await reading;
    await expect
      .poll(async () => (await fetch(new URL("/healthz", server.url))).json())
      .toMatchObject({ queue: { running: 0, waiting: 0 } });
  });
});

describe("embeddings", () => {
  it("are unit vectors of 512 numbers, near for near texts, made without a network", async () => {
    const client = clientOf(await serve(null));
    const input = [
      "How do I get my money back?",
      "The refund policy for returned goods",
      "Penguins live in Antarctica",
    ];
    const { data } = await client.embeddings.create({ model: "local/use-lite-512", input, encoding_format: "float" });
    const [question, near, far] = data.map((item) => item.embedding);
    if (!question || !near || !far) throw new Error("expected three vectors");
    const dot = (a: number[], b: number[]): number => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
    expect(question).toHaveLength(512);
    expect(dot(question, question)).toBeCloseTo(1, 5);
    expect(dot(question, near)).toBeGreaterThan(dot(question, far) + 0.1);
  });

  it("are the same in base64, which the OpenAI client asks for by default", async () => {
    const client = clientOf(await serve(null));
    const ask = async (encoding_format?: "float"): Promise<number[] | undefined> => {
      const body = { model: "local/use-lite-512", input: "hello", ...(encoding_format && { encoding_format }) };
      return (await client.embeddings.create(body)).data[0]?.embedding.map(Math.fround);
    };
    expect(await ask()).toEqual(await ask("float"));
  });

  it.each([
    {
      name: "another number of dimensions",
      body: { input: "x", dimensions: 256 },
      error: { status: 400, code: "unsupported_dimensions", param: "dimensions" },
    },
    { name: "an empty text", body: { input: ["x", ""] }, error: { status: 400, code: "invalid_request" } },
    {
      name: "another model",
      body: { model: "local/other", input: "x" },
      error: { status: 404, code: "model_not_found" },
    },
  ])("are refused with $name", async ({ body, error }) => {
    const client = clientOf(await serve(null));
    expect(
      await apiErrorOf(client.post("/embeddings", { body: { model: "local/use-lite-512", ...body } })),
    ).toMatchObject(error);
  });
});

describe("another server behind ours", () => {
  let upstream: Server;
  let upstreamUrl: string;
  let asked: { model?: string }[];

  beforeAll(async () => {
    upstream = createServer(async (request, response) => {
      response.setHeader("content-type", "application/json");
      if (request.url === "/v1/models") return response.end('{"data":[{"id":"first"},{"id":"second"}]}');
      const body = JSON.parse(Buffer.concat(await collect(request)).toString()) as { model?: string };
      asked.push(body);
      if (body.model === "second")
        return response.writeHead(429, { "retry-after": "7" }).end('{"error":{"message":"slow down","code":"busy"}}');
      return response.end(
        '{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"from upstream"},"finish_reason":"stop"}]}',
      );
    });
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
    upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`;
  });

  afterAll(() => upstream.close());

  it("answers by its first model under our name for it", async () => {
    asked = [];
    const server = await serve(await createProxyBackend({ baseUrl: upstreamUrl }));
    expect(server.chatModel).toBe("local/first");
    const answer = await clientOf(server).chat.completions.create({ model: "local/chat", messages });
    expect(answer.choices[0]?.message.content).toBe("from upstream");
    expect(asked).toEqual([{ model: "first", messages }]);
  });

  it("passes its errors on, with their status and retry-after", async () => {
    asked = [];
    const server = await serve(await createProxyBackend({ baseUrl: upstreamUrl, modelName: "second" }));
    const response = await fetch(`${server.url}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "local/second", messages }),
    });
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "7"]);
    expect(await response.json()).toMatchObject({ error: { code: "busy" } });
  });

  it("is model_unavailable when it is gone", async () => {
    const client = clientOf(
      await serve(await createProxyBackend({ baseUrl: "http://127.0.0.1:1/v1", modelName: "gone" })),
    );
    expect(await apiErrorOf(client.chat.completions.create({ model: "local/gone", messages }))).toMatchObject({
      status: 503,
      code: "model_unavailable",
    });
    await expect(createProxyBackend({ baseUrl: "http://127.0.0.1:1/v1" })).rejects.toThrow("No model server answers");
  });
});

describe("the simulated AI binding over real HTTP", () => {
  it("generates, streams and embeds", async () => {
    const server = await serve(createEngineBackend(scriptedEngine(["Hi", " there"]), model));
    const deps = { baseUrl: server.url };
    expect(await runLocalAI(deps, model, { messages, max_tokens: 9 })).toMatchObject({
      response: "Hi there",
      usage: { completion_tokens: 2 },
    });
    const stream = await runLocalAI(deps, model, { messages, stream: true });
    if (!(stream instanceof ReadableStream)) throw new Error("expected a stream");
    expect(await new Response(stream).text()).toMatch(
      /^data: \{"response":"Hi"\}\n\n.*"usage":\{"prompt_tokens".*data: \[DONE\]\n\n$/s,
    );
    expect(await runLocalAI(deps, server.embeddingModel, { text: ["a", "b"] })).toMatchObject({ shape: [2, 512] });
  });

  it("tells the real service's error for a prompt over the context, and for nothing listening", async () => {
    const server = await serve(createEngineBackend(scriptedEngine([]), model));
    const long = [{ role: "user", content: "x".repeat(2000) }];
    await expect(runLocalAI({ baseUrl: server.url }, model, { messages: long })).rejects.toThrow(
      "5021: The estimated number of input and maximum output tokens (2256) exceeded this model context window limit (1000).",
    );
    await expect(runLocalAI({ baseUrl: "http://127.0.0.1:1/v1" }, model, { messages })).rejects.toThrow(
      "model_unavailable:",
    );
  });
});
