import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import OpenAI from "openai";
import { beforeAll, describe, expect, inject, it } from "vitest";
import worker from "../../src/local.ts";
import { until } from "../support/until.ts";
import { callWorker, makeKey, scriptedEnv } from "../support/call-worker.ts";

const model = (name: string) => ({
  name,
  kind: "embedding",
  contextWindow: 8_192,
  maxOutputTokens: 0,
  price: { inputUsdPerMillion: 1 },
});

function bindings() {
  const models = ["embed-8", "embed-fixed-8", "429", "html"].map(model);
  const providers = [
    { name: "scripted", baseUrl: `${inject("scriptedProviderUrl")}/v1`, models },
    {
      name: "unpriced",
      baseUrl: `${inject("scriptedProviderUrl")}/v1`,
      models: [{ ...model("embed-8"), price: null }],
    },
  ];
  return scriptedEnv({ PARAPET_PROVIDERS: JSON.stringify(providers) });
}

let key: string;
beforeAll(async () => {
  key = await makeKey(["embeddings", "chat"]);
});

/** OpenAI's own client, whose requests the worker answers. */
function createClient(sent: string[] = []) {
  return new OpenAI({
    apiKey: key,
    baseURL: "https://parapet.test/v1",
    maxRetries: 0,
    dangerouslyAllowBrowser: true,
    fetch: async (url, init) => {
      sent.push(typeof init?.body === "string" ? init.body : "");
      const context = createExecutionContext();
      // A Request made here lacks what Cloudflare's edge adds, which the worker does not read.
      const request = new Request(url as string, init) as Parameters<typeof worker.fetch>[0];
      const response = await worker.fetch(request, bindings(), context);
      const copy = new Response(await response.arrayBuffer(), response);
      await waitOnExecutionContext(context);
      return copy;
    },
  });
}

describe("POST /v1/embeddings", () => {
  it("answers the openai client, which asks for base64, with the numbers that floats have", async () => {
    const sent: string[] = [];
    const client = createClient(sent);
    const input = ["red apple", "blue sky"];
    const asked = await client.embeddings.create({ model: "scripted/embed-8", input });
    expect(sent[0]).toContain('"encoding_format":"base64"');
    const floats = await client.embeddings.create({ model: "scripted/embed-8", input, encoding_format: "float" });
    expect(asked.data).toHaveLength(2);
    expect(asked.data.map((item) => item.index)).toEqual([0, 1]);
    for (const [index, item] of asked.data.entries()) {
      expect(item.embedding).toHaveLength(8);
      expect(item.embedding).toEqual([...Float32Array.from(floats.data[index]?.embedding ?? [])]);
    }
    expect(asked.usage).toEqual({ prompt_tokens: 5, total_tokens: 5 });
    expect(asked.model).toBe("scripted/embed-8");
  });

  it("passes the size of the vectors on", async () => {
    const { data } = await createClient().embeddings.create({ model: "scripted/embed-8", input: "x", dimensions: 3 });
    expect(data[0]?.embedding).toHaveLength(3);
  });

  it("says what it cost", async () => {
    const { headers } = await callWorker(bindings(), "/v1/embeddings", {
      key,
      body: { model: "scripted/embed-8", input: "red apple" },
    });
    // 3 tokens at $1 per million.
    expect(headers.get("x-parapet-cost")).toBe("3");
  });

  it.each([
    ["an array of tokens", { input: [1, 2, 3] }, "input", "must be text: tokens"],
    ["arrays of tokens", { input: [[1, 2], [3]] }, "input", "must be text: tokens"],
    ["an empty text", { input: ["a", ""] }, "input.1", ""],
    ["an empty text alone", { input: "" }, "input", ""],
    ["no text", { input: [] }, "input", "must have at least 1"],
    ["a number", { input: 7 }, "input", "must be a text or a list of texts"],
    ["more than 2,048 texts", { input: Array.from({ length: 2_049 }, () => "a") }, "input", "2048"],
    ["another encoding", { encoding_format: "int8" }, "encoding_format", "base64"],
    ["a size of nothing", { dimensions: 0 }, "dimensions", ""],
    ["a field nobody knows", { input_type: "query" }, "input_type", ""],
  ])("refuses %s by name", async (_what, change, param, words) => {
    const { status, json } = await callWorker(bindings(), "/v1/embeddings", {
      key,
      body: { model: "scripted/embed-8", input: "x", ...change },
    });
    expect(status).toBe(400);
    expect(json.error.param).toBe(param);
    expect(json.error.message).toContain(words);
  });

  it.each([
    ["a model that is none", { model: "scripted/nothing" }, 404, "model_not_found"],
    ["a model whose price is not known", { model: "unpriced/embed-8" }, 503, "price_unknown"],
    ["a provider that limits", { model: "scripted/429" }, 429, "upstream_rate_limited"],
    ["a provider that is none", { model: "scripted/html" }, 502, "upstream_invalid_response"],
    ["a size that a server ignored", { model: "scripted/embed-fixed-8", dimensions: 3 }, 400, "unsupported_parameter"],
    ["a budget below the bound", { parapet: { budget: { max_cost_micros: 0 } } }, 400, "budget_too_small"],
    ["a sensitive text for a model that leaves the edge", { parapet: { sensitive: true } }, 400, "invalid_request"],
  ])("refuses %s", async (_what, change, status, code) => {
    const reply = await callWorker(bindings(), "/v1/embeddings", {
      key,
      body: { model: "scripted/embed-8", input: "x", ...change },
    });
    expect({ status: reply.status, code: reply.json.error.code }).toEqual({ status, code });
  });
});

describe("a text that is embedded", () => {
  const create = async (body: object) =>
    callWorker(bindings(), "/v1/embeddings", { key, body: { model: "scripted/embed-8", ...body } });

  it("leaves without its secrets and cards, and the audit log says so", async () => {
    const secret = ["Pay with 4111 1111 1111 1111", "plain"];
    const { json, headers } = await create({ input: secret });
    const redacted = await create({ input: ["Pay with [card]", "plain"] });
    expect(json.data).toEqual(redacted.json.data);
    const reader = await makeKey(["audit:read"]);
    const trace = headers.get("x-parapet-trace");
    const row = await until(
      async () => {
        const page = await callWorker(bindings(), `/v1/audit?trace_id=${trace}`, { key: reader });
        return page.json.data[0] ?? null;
      },
      { timeoutMs: 8_000, what: "the request has an audit row" },
    );
    expect(row.record.verdicts).toMatchObject([{ action: "redact", redactions: 1 }]);
    expect(JSON.stringify(row)).not.toContain("4111");
  });

  it("is at most as long as guardrails read", async () => {
    const { status, json } = await create({ input: Array.from({ length: 41 }, () => "a ".repeat(50_000)) });
    expect({ status, ...json.error }).toMatchObject({ status: 413, code: "request_too_large", param: "input" });
  });
});

describe("GET /v1/models", () => {
  it("shows each price, where it is from and when it was read", async () => {
    const { json } = await callWorker(
      scriptedEnv({ GOOGLE_API_KEY: "test-key", OPENAI_API_KEY: "test-key" }),
      "/v1/models",
      {
        key,
      },
    );
    const priceOf = (id: string) => json.data.find((each: { id: string }) => each.id === id)?.parapet;
    expect(priceOf("google/gemini-3.8-flash")).toMatchObject({
      price: {
        input_pico_usd: 750_000,
        cached_input_pico_usd: 75_000,
        output_pico_usd: 3_750_000,
        source: expect.stringContaining("ai.google.dev"),
        read_on: "2026-09-23",
      },
      next_prices: [{ from: "2027-01-01T00:00:00.000Z", input_pico_usd: 1_500_000, output_pico_usd: 7_500_000 }],
    });
    expect(priceOf("openai/gpt-6-sol").price.above).toMatchObject({ input_tokens: 272_000, input_pico_usd: 4_000_000 });
    expect(priceOf("scripted/ok").price).toMatchObject({ source: "PARAPET_PROVIDERS", read_on: null });
  });

  it("shows the price that PARAPET_PRICES gives in place of the list's", async () => {
    const env = scriptedEnv({
      GOOGLE_API_KEY: "test-key",
      PARAPET_PRICES: JSON.stringify({
        "google/gemini-3.8-flash": { inputUsdPerMillion: 0.5, outputUsdPerMillion: 3 },
      }),
    });
    const { json } = await callWorker(env, "/v1/models/google%2Fgemini-3.8-flash", { key });
    expect(json.parapet.price).toMatchObject({ input_pico_usd: 500_000, source: "PARAPET_PRICES", read_on: null });
    expect(json.parapet.next_prices).toBeUndefined();
  });
});
