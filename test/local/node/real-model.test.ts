import { existsSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheFolder } from "../../../src/local/node/cache-folder.ts";
import { engineBuildFor } from "../../../src/local/node/ensure-engine.ts";
import { defaultWeights } from "../../../src/local/node/ensure-weights.ts";
import { startModelServer, type ModelServer } from "../../../src/local/node/model-server.ts";

// The only tests that need the engine and the weights. They never download: where `npm run demo` has not run yet they are
// skipped, and say so in the report.
const cache = cacheFolder();
const version = engineBuildFor(process.platform, process.arch)?.version;
const isCached =
  existsSync(join(cache, "models", defaultWeights.fileName)) &&
  existsSync(join(cache, `engine-${version}-${process.platform}-${process.arch}`));
const title = isCached
  ? "the real model"
  : `the real model (SKIPPED: no engine and weights in ${cache}; run npm run demo once)`;

describe.skipIf(!isCached)(title, { timeout: 60_000 }, () => {
  const messages = [{ role: "user" as const, content: "What is the capital of France?" }];
  const model = "local/chat";
  let server: ModelServer;
  let client: OpenAI;

  beforeAll(async () => {
    server = await startModelServer({ port: 0 });
    client = new OpenAI({ baseURL: server.url, apiKey: "none", maxRetries: 0 });
  }, 60_000);

  afterAll(() => server.close());

  it("answers a plain question", async () => {
    expect(server.chatModel).toBe("local/smollm2-135m-instruct");
    const answer = await client.chat.completions.create({ model, messages });
    expect(answer.choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { content: expect.stringContaining("Paris") },
    });
  });

  it("does not read a prompt twice that it has just read", async () => {
    await client.chat.completions.create({ model, messages });
    const { usage } = await client.chat.completions.create({ model, messages });
    expect(usage?.prompt_tokens_details?.cached_tokens).toBe((usage?.prompt_tokens ?? 0) - 1);
  });

  it("streams the same text that it gives whole", async () => {
    const whole = await client.chat.completions.create({ model, messages });
    const streamed = await client.chat.completions.stream({ model, messages }).finalContent();
    expect(streamed).toBe(whole.choices[0]?.message.content);
  });

  it("calls a required tool with arguments of its schema", async () => {
    const parameters = {
      type: "object",
      properties: { city: { type: "string" }, unit: { enum: ["C", "F"] } },
      required: ["city", "unit"],
    };
    const answer = await client.chat.completions.create({
      model,
      messages: [{ role: "user", content: "What is the weather in Paris?" }],
      tools: [{ type: "function", function: { name: "get_weather", parameters } }],
      tool_choice: "required",
    });
    const call = answer.choices[0]?.message.tool_calls?.[0];
    if (call?.type !== "function") throw new Error("expected a function call");
    expect(call.function.name).toBe("get_weather");
    expect(JSON.parse(call.function.arguments)).toEqual({
      city: expect.any(String),
      unit: expect.stringMatching(/^[CF]$/),
    });
  });

  it("writes JSON of the schema asked for", async () => {
    const schema = {
      type: "object",
      properties: { name: { type: "string" }, age: { type: "integer" } },
      required: ["name", "age"],
      additionalProperties: false,
    };
    const answer = await client.chat.completions.create({
      model,
      messages: [{ role: "user", content: "Extract: Anna Smith is 34 years old." }],
      response_format: { type: "json_schema", json_schema: { name: "person", schema } },
    });
    expect(JSON.parse(answer.choices[0]?.message.content ?? "")).toEqual({ name: "Anna Smith", age: 34 });
  });

  it("refuses a prompt over its context", async () => {
    const long = [{ role: "user" as const, content: "word ".repeat(9000) }];
    await expect(client.chat.completions.create({ model, messages: long })).rejects.toMatchObject({
      status: 400,
      code: "context_length_exceeded",
    });
  });
});
