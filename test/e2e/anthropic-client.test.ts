import Anthropic, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { issueKey } from "./api.ts";

// The official client, unmodified: only `baseURL` and `apiKey` are ours.

const messages = [{ role: "user" as const, content: "Say hello." }];
const hello = "Hello from the scripted provider.";
const weather = {
  name: "get_weather",
  description: "The weather in a city.",
  input_schema: { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] },
};
const asked = { max_tokens: 100, messages };

let client: Anthropic;

function clientOf(apiKey: string): Anthropic {
  return new Anthropic({ baseURL: inject("baseUrl"), apiKey, maxRetries: 0 });
}

async function listAll<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

beforeAll(async () => {
  client = clientOf((await issueKey()).key);
});

describe("messages", () => {
  it("answers in one piece, with the provider's own count", async () => {
    const message = await client.messages.create({ model: "scripted/usage-0-50", ...asked });
    expect(message).toMatchObject({
      type: "message",
      role: "assistant",
      model: "scripted/usage-0-50",
      content: [{ type: "text", text: hello }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: { input_tokens: 0, output_tokens: 50, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
    });
    expect(message.id).toMatch(/^msg_/);
    expect(message._request_id).toMatch(/^req_/);
  });

  it("counts what the provider's cache held apart", async () => {
    const { usage } = await client.messages.create({ model: "scripted/cached", ...asked });
    expect(usage).toMatchObject({
      input_tokens: 22,
      cache_read_input_tokens: 1920,
      cache_creation_input_tokens: 64,
      output_tokens: 300,
      output_tokens_details: { thinking_tokens: 256 },
    });
  });

  it("takes Parapet's own wishes, and says what was decided", async () => {
    const extension = { parapet: { feature: "greeting" } };
    const { data, response } = await client.messages
      .create({ model: "scripted/ok", ...asked, ...extension })
      .withResponse();
    expect(data).toMatchObject({ parapet: { generated: true, route: { model: "scripted/ok" } } });
    expect(response.headers.get("x-parapet-model")).toBe("scripted/ok");
    expect(Number(response.headers.get("x-parapet-cost"))).toBeGreaterThan(0);
  });

  it("chooses the model for `auto`", async () => {
    const message = await client.messages.create({ model: "auto", ...asked });
    expect(message.model).toMatch(/\//);
  });

  it("streams the same answer in pieces", async () => {
    const events = await listAll(await client.messages.create({ model: "scripted/long-20", ...asked, stream: true }));
    const texts = events.flatMap((event) =>
      event.type === "content_block_delta" && event.delta.type === "text_delta" ? [event.delta.text] : [],
    );
    expect(texts.join("")).toBe("One two three four five six seven eight nine ten. ".repeat(20));
    expect(texts.length).toBeGreaterThan(3);
    expect(events[0]?.type).toBe("message_start");
    expect(events.at(-1)?.type).toBe("message_stop");
  });

  it("suits the client's streaming helper", async () => {
    const stream = client.messages.stream({ model: "scripted/usage-0-50", ...asked });
    const texts: string[] = [];
    stream.on("text", (text) => texts.push(text));
    const message = await stream.finalMessage();
    expect(texts.join("")).toBe(hello);
    expect(message).toMatchObject({
      content: [{ type: "text", text: hello }],
      stop_reason: "end_turn",
      usage: { input_tokens: 0, output_tokens: 50 },
    });
  });

  it.each([
    ["one", "scripted/tool-call", ["Paris"]],
    ["several", "scripted/parallel-tool-calls", ["Paris", "Rome"]],
  ])("calls %s tool(s), whole and streamed alike", async (_count, model, cities) => {
    const request = { model, ...asked, tools: [weather] };
    const whole = await client.messages.create(request);
    const streamed = await client.messages.stream(request).finalMessage();
    for (const { content, stop_reason: reason } of [whole, streamed]) {
      expect(reason).toBe("tool_use");
      expect(content).toMatchObject(cities.map((city) => ({ type: "tool_use", name: "get_weather", input: { city } })));
      expect(new Set(content.map((block) => (block.type === "tool_use" ? block.id : ""))).size).toBe(cities.length);
    }
  });

  it("takes a tool's answer back", async () => {
    const message = await client.messages.create({
      model: "scripted/ok",
      max_tokens: 100,
      tools: [weather],
      messages: [
        ...messages,
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "get_weather", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "18 degrees" }] },
      ],
    });
    expect(message.content).toMatchObject([{ type: "text", text: hello }]);
  });

  it("runs the client's tool loop to its end", async () => {
    const calls: string[] = [];
    const tool = betaTool({
      name: "get_weather",
      description: "The weather in a city.",
      inputSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
      run: ({ city }) => {
        calls.push(city);
        return "18 degrees";
      },
    });
    const message = await client.beta.messages.toolRunner({
      model: "scripted/tool-then-answer",
      ...asked,
      tools: [tool],
    });
    expect(calls).toEqual(["Paris"]);
    expect(message.stop_reason).toBe("end_turn");
  });

  it("answers with JSON that the client parses by its schema", async () => {
    const message = await client.messages.parse({
      model: "scripted/json",
      ...asked,
      output_config: { format: zodOutputFormat(z.object({ answer: z.string(), count: z.number() })) },
    });
    expect(message.parsed_output).toEqual({ answer: "yes", count: 2 });
  });

  it("shows what the model thought, whole and streamed alike", async () => {
    const request = { model: "scripted/think", ...asked };
    const whole = await client.messages.create(request);
    const streamed = await client.messages.stream(request).finalMessage();
    for (const { content } of [whole, streamed]) {
      expect(content).toMatchObject([
        { type: "thinking", thinking: "Let me think." },
        { type: "text", text: hello },
      ]);
    }
  });

  it("counts a prompt without asking a model", async () => {
    const short = await client.messages.countTokens({ model: "scripted/ok", messages });
    const long = await client.messages.countTokens({
      model: "scripted/ok",
      system: "Be brief, and answer in the language of the question.",
      messages,
      tools: [weather],
    });
    expect(short.input_tokens).toBeGreaterThan(0);
    expect(long.input_tokens).toBeGreaterThan(short.input_tokens);
  });
});

describe("failures", () => {
  type Ask = (asker: Anthropic) => Promise<unknown>;
  const askFor =
    (more: object): Ask =>
    (asker) =>
      asker.messages.create({ model: "scripted/ok", ...asked, ...more });

  interface FailureCase {
    what: string;
    type: new (...details: never[]) => APIError;
    key?: () => Promise<string>;
    ask?: Ask;
    status: number;
    error: string;
  }

  it.each<FailureCase>([
    {
      what: "an unknown key",
      type: AuthenticationError,
      key: async () => "parapet_nonsense",
      status: 401,
      error: "authentication_error",
    },
    {
      what: "a key without the scope",
      type: PermissionDeniedError,
      key: async () => (await issueKey({ scopes: ["usage:read"] })).key,
      status: 403,
      error: "permission_error",
    },
    {
      what: "an unknown model",
      type: NotFoundError,
      ask: askFor({ model: "claude-none" }),
      status: 404,
      error: "not_found_error",
    },
    {
      what: "a server tool",
      type: BadRequestError,
      ask: askFor({ tools: [{ type: "web_search_20250305", name: "web_search" }] }),
      status: 400,
      error: "invalid_request_error",
    },
    {
      what: "a used-up rate limit",
      type: RateLimitError,
      key: async () => (await issueKey({ limits: { requests_per_minute: 0 } })).key,
      status: 429,
      error: "rate_limit_error",
    },
    {
      what: "a failing provider",
      type: InternalServerError,
      ask: askFor({ model: "scripted/500" }),
      status: 502,
      error: "api_error",
    },
  ])("throws its typed error for $what", async ({ type, key, ask = askFor({}), status, error }) => {
    const failure: unknown = await ask(key === undefined ? client : clientOf(await key())).catch(
      (cause: unknown) => cause,
    );
    expect(failure).toBeInstanceOf(type);
    expect(failure).toMatchObject({
      status,
      type: error,
      requestID: expect.stringMatching(/^req_/),
      error: { type: "error", error: { type: error, message: expect.any(String) } },
    });
  });

  it("throws in the middle of a stream that fails there, after what had come", async () => {
    const stream = await client.messages.create({ model: "scripted/half-frame", ...asked, stream: true });
    let text = "";
    const failure: unknown = await (async () => {
      for await (const event of stream)
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text;
    })().catch((cause: unknown) => cause);
    expect(text).toMatch(/^Hello/);
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ type: "api_error" });
  });
});
