import { beforeAll, describe, expect, inject, it } from "vitest";
import { callWorker, makeKey, scriptedEnv } from "../support/call-worker.ts";

const price = { inputUsdPerMillion: 1, outputUsdPerMillion: 10 };
const chat = { contextWindow: 10_000, maxOutputTokens: 1_000, price };
const provider = (name: string, models: object[]) => ({ name, baseUrl: `${inject("scriptedProviderUrl")}/v1`, models });

function bindings() {
  const first = provider("first", [
    { ...chat, name: "ok" },
    { ...chat, name: "503" },
    { ...chat, name: "embed-8", kind: "embedding" },
  ]);
  return scriptedEnv({ PARAPET_PROVIDERS: JSON.stringify([first, provider("second", [{ ...chat, name: "503" }])]) });
}

let key: string;
beforeAll(async () => {
  key = await makeKey(["embeddings", "chat"]);
});

const messages = [{ role: "user", content: "Hello" }];

describe("a model that the catalog lacks", () => {
  const bindingsWith = (change: object) =>
    scriptedEnv({
      OPENAI_API_KEY: "test-key",
      OPENAI_BASE_URL: `${inject("scriptedProviderUrl")}/v1`,
      PARAPET_PROVIDERS: JSON.stringify([{ name: "openai", models: [{ ...chat, name: "embed-8", ...change }] }]),
    });

  it("is called by the built-in provider that a setting adds it to", async () => {
    const body = { model: "embed-8", input: "Hello" };
    const env = bindingsWith({ kind: "embedding" });
    const { status, json, headers } = await callWorker(env, "/v1/embeddings", { key, body });
    expect(status, JSON.stringify(json)).toBe(200);
    expect(json.model).toBe("openai/embed-8");
    // 2 tokens at $1 per million.
    expect(headers.get("x-parapet-cost")).toBe("2");
  });

  it("gets its price from PARAPET_PRICES where the setting knows none", async () => {
    const env = { ...bindingsWith({ price: null }), PARAPET_PRICES: JSON.stringify({ "openai/embed-8": price }) };
    const { json } = await callWorker(env, "/v1/models/embed-8", { key });
    expect(json.parapet.price).toMatchObject({ input_pico_usd: 1_000_000, source: "PARAPET_PRICES" });
  });

  it("stands where the catalog's own has its name", async () => {
    const { json } = await callWorker(bindingsWith({ name: "gpt-6-sol", price: null }), "/v1/models/gpt-6-sol", {
      key,
    });
    expect(json).toMatchObject({ id: "openai/gpt-6-sol", parapet: { context_window: 10_000, price: null } });
  });
});

describe("a model's name without its provider", () => {
  it.each([
    ["/v1/chat/completions", { model: "ok", messages }, "first/ok"],
    ["/v1/responses", { model: "ok", input: "Hello" }, "first/ok"],
    ["/v1/messages", { model: "ok", max_tokens: 10, messages }, "first/ok"],
    ["/v1/embeddings", { model: "embed-8", input: "Hello" }, "first/embed-8"],
    ["/v1/chat/completions", { model: "first/503", messages, parapet: { fallbacks: ["ok"] } }, "first/ok"],
  ])("is enough at %s: %j", async (path, body, id) => {
    const { status, json, headers } = await callWorker(bindings(), path, { key, body });
    expect(status, JSON.stringify(json)).toBe(200);
    expect(json.model).toBe(id);
    expect(headers.get("x-parapet-model")).toBe(id);
  });

  it("is looked up as it is asked for", async () => {
    expect((await callWorker(bindings(), "/v1/models/embed-8", { key })).json.id).toBe("first/embed-8");
  });

  it.each([
    ["/v1/chat/completions", { model: "oks", messages }, "Did you mean first/ok?"],
    ["/v1/embeddings", { model: "embed-9", input: "Hello" }, "Did you mean first/embed-8?"],
    ["/v1/chat/completions", { model: "503", messages }, "Did you mean first/503?"],
  ])("that is nobody's, or two's, is refused with the nearest at %s: %j", async (path, body, words) => {
    const { status, json } = await callWorker(bindings(), path, { key, body });
    expect(status).toBe(404);
    expect(json.error).toMatchObject({ code: "model_not_found", param: "model" });
    expect(json.error.message).toContain(words);
  });
});
