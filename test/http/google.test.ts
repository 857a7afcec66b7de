import { beforeAll, describe, expect, inject, it } from "vitest";
import { callWorker, makeKey, scriptedEnv } from "../support/call-worker.ts";

const bindings = () =>
  scriptedEnv({ GOOGLE_API_KEY: "test-key", GOOGLE_BASE_URL: `${inject("scriptedProviderUrl")}/v1beta` });

let key: string;
beforeAll(async () => {
  key = await makeKey(["embeddings", "chat"]);
});

describe("a deployment with GOOGLE_API_KEY", () => {
  const messages = [{ role: "user", content: "Say hello, please." }];

  it("answers by Gemini, at its price", async () => {
    const { status, json, headers } = await callWorker(bindings(), "/v1/chat/completions", {
      key,
      body: { model: "google/gemini-3.8-flash", messages },
    });
    expect(status).toBe(200);
    expect(json.choices[0].message.content).toBe("Hello from the scripted provider.");
    expect(json.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 5 });
    // 5 × 0.75 + 5 × 3.75 = 22.5 micro-USD, half up.
    expect(headers.get("x-parapet-cost")).toBe("23");
  });

  it("streams by Gemini", async () => {
    const { status, text } = await callWorker(bindings(), "/v1/chat/completions", {
      key,
      body: { model: "google/gemini-4-argon", messages, stream: true },
    });
    expect(status).toBe(200);
    expect(text).toContain('"finish_reason":"stop"');
    expect(text.trimEnd().endsWith("data: [DONE]")).toBe(true);
  });

  it("embeds by Gemini, in the size that is asked for", async () => {
    const { status, json } = await callWorker(bindings(), "/v1/embeddings", {
      key,
      body: { model: "google/gemini-embedding-2", input: ["red", "blue"], dimensions: 6 },
    });
    expect(status).toBe(200);
    expect(json.data.map((item: { embedding: number[] }) => item.embedding.length)).toEqual([6, 6]);
    expect(json.usage.prompt_tokens).toBe(2);
  });

  it("says by name what Gemini cannot be asked", async () => {
    const { status, json } = await callWorker(bindings(), "/v1/chat/completions", {
      key,
      body: { model: "google/gemini-4-argon", messages, logit_bias: { "1": 5 } },
    });
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ code: "unsupported_parameter", param: "logit_bias" });
  });

  it("is told what is wrong with PARAPET_PRICES", async () => {
    const env = scriptedEnv({ PARAPET_PRICES: '{"nobody/nothing":{"inputUsdPerMillion":1}}' });
    const { status, json } = await callWorker(env, "/v1/models", { key });
    expect(status).toBe(503);
    expect(json.error.message).toContain("nobody/nothing");
  });
});
