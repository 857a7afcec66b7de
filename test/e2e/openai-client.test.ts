import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { issueKey } from "./api.ts";

// The official client, unmodified: only `baseURL` and `apiKey` are ours.

const messages = [{ role: "user" as const, content: "Say hello." }];
const hello = "Hello from the scripted provider.";
const weather = {
  type: "function" as const,
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const verdict = z.object({ answer: z.string(), count: z.number() });

let client: OpenAI;

async function listAll<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

function clientOf(apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${inject("baseUrl")}/v1`, apiKey, maxRetries: 0 });
}

beforeAll(async () => {
  client = clientOf((await issueKey()).key);
});

describe("chat completions", () => {
  it("answers in one piece, with the provider's own count", async () => {
    const completion = await client.chat.completions.create({ model: "scripted/usage-0-50", messages });
    expect(completion).toMatchObject({
      object: "chat.completion",
      model: "scripted/usage-0-50",
      choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: hello } }],
      usage: { prompt_tokens: 0, completion_tokens: 50, total_tokens: 50 },
    });
    expect(completion._request_id).toMatch(/^req_/);
  });

  it("says what was decided, in headers and under `parapet`", async () => {
    const extension = { parapet: { feature: "greeting", task: "hello" } };
    const { data, response } = await client.chat.completions
      .create({ model: "scripted/ok", messages, ...extension })
      .withResponse();
    expect(data).toMatchObject({ parapet: { generated: true, route: { model: "scripted/ok" } } });
    expect(response.headers.get("x-parapet-model")).toBe("scripted/ok");
    expect(response.headers.get("x-parapet-route")).toBe("the request names scripted/ok");
    expect(response.headers.get("x-parapet-cache")).toBe("none");
    expect(response.headers.get("x-parapet-trace")).toMatch(/^[0-9a-f]{32}$/);
    expect(Number(response.headers.get("x-parapet-cost"))).toBeGreaterThan(0);
  });

  it("streams the same answer in pieces, without a count that was not asked for", async () => {
    const stream = await client.chat.completions.create({ model: "scripted/long-20", messages, stream: true });
    const chunks = await listAll(stream);
    const texts = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").filter((text) => text !== "");
    expect(texts.join("")).toBe("One two three four five six seven eight nine ten. ".repeat(20));
    expect(texts.length).toBeGreaterThan(3);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
    expect(chunks.every((chunk) => !chunk.usage)).toBe(true);
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
  });

  it("counts a stream in its last chunk when asked to", async () => {
    const stream = await client.chat.completions.create({
      model: "scripted/usage-0-50",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await listAll(stream);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 0, completion_tokens: 50 } });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
  });

  it("suits the client's streaming helper", async () => {
    const runner = client.chat.completions.stream({
      model: "scripted/ok",
      messages,
      stream_options: { include_usage: true },
    });
    const completion = await runner.finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: hello } });
    expect(await runner.totalUsage()).toMatchObject({ completion_tokens: 5 });
  });

  it.each([
    ["one", "scripted/tool-call", ["Paris"]],
    ["several", "scripted/parallel-tool-calls", ["Paris", "Rome"]],
  ])("calls %s tool(s), whole and streamed alike", async (_count, model, cities) => {
    const request = { model, messages, tools: [weather] };
    const whole = await client.chat.completions.create(request);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    for (const { choices } of [whole, streamed]) {
      expect(choices[0]?.finish_reason).toBe("tool_calls");
      expect(choices[0]?.message.content).toBeNull();
      expect(choices[0]?.message.tool_calls).toMatchObject(
        cities.map((city) => ({
          type: "function",
          function: { name: "get_weather", arguments: JSON.stringify({ city }) },
        })),
      );
      const ids = choices[0]?.message.tool_calls?.map(({ id }) => id);
      expect(new Set(ids).size).toBe(cities.length);
    }
  });

  it("takes a tool's answer back", async () => {
    const completion = await client.chat.completions.create({
      model: "scripted/ok",
      tools: [weather],
      messages: [
        ...messages,
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "call_1", type: "function", function: { name: "get_weather", arguments: "{}" } }],
        },
        { role: "tool", tool_call_id: "call_1", content: "18 degrees" },
      ],
    });
    expect(completion.choices[0]?.message.content).toBe(hello);
  });

  it("answers with JSON that the client parses by its schema", async () => {
    const completion = await client.chat.completions.parse({
      model: "scripted/json",
      messages,
      response_format: zodResponseFormat(verdict, "verdict"),
    });
    expect(completion.choices[0]?.message.parsed).toEqual({ answer: "yes", count: 2 });
  });
});

describe("embeddings", () => {
  it("gives the same vectors in base64, which the client asks for by default, and as numbers", async () => {
    const request = { model: "scripted/embed", input: ["red apple", "blue sky"] };
    const packed = await client.embeddings.create(request);
    const plain = await client.embeddings.create({ ...request, encoding_format: "float" });
    expect(packed.data.map(({ index }) => index)).toEqual([0, 1]);
    expect(packed.data[0]?.embedding).toHaveLength(16);
    for (const [index, { embedding }] of plain.data.entries()) {
      expect(packed.data[index]?.embedding).toEqual(embedding.map((value) => Math.fround(value)));
    }
    expect(packed.usage.prompt_tokens).toBeGreaterThan(0);
  });

  it("embeds with the deployment's own model under a tier's name", async () => {
    const { data, model } = await client.embeddings.create({ model: "fast", input: "a battery" });
    expect(model).toBe("workers-ai/local/use-lite-512");
    expect(data[0]?.embedding).toHaveLength(512);
  });
});

describe("models", () => {
  it("lists the tiers and every configured model", async () => {
    const ids = (await listAll(client.models.list())).map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(["auto", "fast", "standard", "reasoning", "scripted/ok"]));
  });

  it("retrieves one by its id, slash and all", async () => {
    expect(await client.models.retrieve("scripted/ok")).toMatchObject({
      id: "scripted/ok",
      object: "model",
      owned_by: "scripted",
    });
  });
});

describe("failures", () => {
  const chatWith = (more: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>) => (asker: OpenAI) =>
    asker.chat.completions.create({ model: "scripted/ok", messages, ...more });

  interface FailureCase {
    what: string;
    type: new (...details: never[]) => APIError;
    /** A key that may do everything here, unless the case is about the key. */
    key?: () => Promise<string>;
    ask?: ReturnType<typeof chatWith>;
    status: number;
    code: string;
    param: string | null;
  }

  it.each<FailureCase>([
    {
      what: "an unknown key",
      type: AuthenticationError,
      key: async () => "parapet_nonsense",
      status: 401,
      code: "unauthenticated",
      param: null,
    },
    {
      what: "a key without the scope",
      type: PermissionDeniedError,
      key: async () => (await issueKey({ scopes: ["usage:read"] })).key,
      status: 403,
      code: "forbidden",
      param: null,
    },
    {
      what: "an unknown model",
      type: NotFoundError,
      ask: chatWith({ model: "scripted/none" }),
      status: 404,
      code: "model_not_found",
      param: "model",
    },
    {
      what: "a value out of range",
      type: BadRequestError,
      ask: chatWith({ temperature: 9 }),
      status: 400,
      code: "invalid_request",
      param: "temperature",
    },
    {
      what: "a used-up rate limit",
      type: RateLimitError,
      key: async () => (await issueKey({ limits: { requests_per_minute: 0 } })).key,
      status: 429,
      code: "rate_limited",
      param: null,
    },
    {
      what: "a spent budget",
      type: RateLimitError,
      key: async () => (await issueKey({ limits: { daily_budget_micros: 1 } })).key,
      status: 429,
      code: "budget_exceeded",
      param: null,
    },
    {
      what: "a failing provider",
      type: InternalServerError,
      ask: chatWith({ model: "scripted/500" }),
      status: 502,
      code: "upstream_error",
      param: null,
    },
  ])("throws its typed error for $what", async ({ type, key, ask = chatWith({}), status, code, param }) => {
    const failure: unknown = await ask(key === undefined ? client : clientOf(await key())).catch(
      (cause: unknown) => cause,
    );
    expect(failure).toBeInstanceOf(type);
    expect(failure).toMatchObject({ status, code, param, requestID: expect.stringMatching(/^req_/) });
  });

  it("throws in the middle of a stream that fails there, after what had come", async () => {
    const stream = await client.chat.completions.create({ model: "scripted/half-frame", messages, stream: true });
    let text = "";
    const failure: unknown = await (async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    })().catch((cause: unknown) => cause);
    expect(text).toMatch(/^Hello/);
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ code: "upstream_incomplete" });
  });
});
