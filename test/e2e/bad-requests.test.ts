import { beforeAll, describe, expect, it } from "vitest";
import { chat, chatBody, errorOf, issueKey, send, type IssuedKey } from "./api.ts";
import { providerStatsNow } from "./provider.ts";

// A request that is wrong is told what is wrong with it, and no provider hears of it.

let key: IssuedKey;

beforeAll(async () => {
  key = await issueKey();
});

const base = { model: "scripted/ok", messages: [{ role: "user", content: "Say hello." }] };
const megabyte = 1024 * 1024;

describe("a bad request", () => {
  it.each([
    ["malformed JSON", '{"model": "scripted/ok", "messages": [', 400, "invalid_json", null],
    ["no body", "", 400, "invalid_json", null],
    ["a list for a body", [], 400, "invalid_request", null],
    ["text for messages", { ...base, messages: "hello" }, 400, "invalid_request", "messages"],
    ["no messages", { ...base, messages: [] }, 400, "invalid_request", "messages"],
    ["no model", { messages: base.messages }, 400, "invalid_request", "model"],
    ["a text for a number", { ...base, temperature: "hot" }, 400, "invalid_request", "temperature"],
    ["a fraction of a token", { ...base, max_tokens: 1.5 }, 400, "invalid_request", "max_tokens"],
    [
      "an unknown role",
      { ...base, messages: [{ role: "boss", content: "x" }] },
      400,
      "invalid_request",
      "messages.0.role",
    ],
    [
      "a wrong part",
      { ...base, messages: [{ role: "user", content: [{ type: "text", text: 7 }] }] },
      400,
      "invalid_request",
      "messages.0.content.0.text",
    ],
    [
      "a tool without a name",
      { ...base, tools: [{ type: "function", function: {} }] },
      400,
      "invalid_request",
      "tools.0.function.name",
    ],
    ["an unknown field", { ...base, mesages: [] }, 400, "invalid_request", "mesages"],
    ["an unknown extension", { ...base, parapet: { colection: "x" } }, 400, "invalid_request", "parapet.colection"],
    ["two choices", { ...base, n: 2 }, 400, "invalid_request", "n"],
    ["an unknown model", { ...base, model: "scripted/none" }, 404, "model_not_found", "model"],
    ["an unknown provider", { ...base, model: "nobody/ok" }, 404, "model_not_found", "model"],
    ["an embedding model", { ...base, model: "scripted/embed" }, 404, "model_not_found", "model"],
    ["a model without a price", { ...base, model: "scripted/unpriced" }, 503, "price_unknown", null],
    [
      "5 MB of text",
      { ...base, messages: [{ role: "user", content: "x".repeat(5 * megabyte) }] },
      413,
      "request_too_large",
      "messages",
    ],
  ])("with %s is refused by name", async (_what, body, status, code, param) => {
    const before = (await providerStatsNow()).recorded.length;
    const reply = await send(key, "POST", "/v1/chat/completions", body);
    expect(reply.status, reply.text).toBe(status);
    expect(errorOf(reply)).toMatchObject({ code, param, request_id: reply.headers.get("x-request-id") });
    expect((await providerStatsNow()).recorded).toHaveLength(before);
  });

  it("of 21 MB is refused, also when it comes in pieces of unknown length", async () => {
    const piece = new TextEncoder().encode("x".repeat(megabyte));
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        if (sent > 21) controller.close();
        else controller.enqueue(piece);
      },
    });
    // Node wants `duplex` for a streamed body; the types of workerd's fetch, which this project is checked with, have none.
    const request = {
      method: "POST",
      headers: { authorization: `Bearer ${key.key}`, "content-type": "application/json" },
      body,
      duplex: "half",
    };
    const reply = await fetch(`${key.baseUrl}/v1/chat/completions`, request);
    expect(reply.status).toBe(413);
    expect(errorOf({ json: await reply.json() }).code).toBe("request_too_large");
  });

  it("in another format than JSON is told which one to use", async () => {
    const reply = await send(key, "POST", "/v1/chat/completions", JSON.stringify(base), {
      headers: { "content-type": "text/plain" },
    });
    expect(reply.status).toBe(415);
    expect(errorOf(reply)).toMatchObject({ code: "unsupported_media_type" });
    expect(errorOf(reply).message).toContain("application/json");
  });

  it.each([
    ["GET", "/v1/chat/completions", 405, "POST"],
    ["GET", "/v1/embeddings", 405, "POST"],
    ["PUT", "/v1/collections", 405, "POST, GET"],
    ["POST", "/v1/traces/0123", 405, "GET"],
    ["GET", "/v1/nothing", 404, null],
  ])("for %s %s says what there is instead", async (method, path, status, allow) => {
    const reply = await send(key, method, path);
    expect([reply.status, reply.headers.get("allow")]).toEqual([status, allow]);
    expect(errorOf(reply).message).toContain(`${method} ${path}`);
  });

  it("leaves the next one unharmed", async () => {
    expect((await chat(key, chatBody("scripted/ok"))).status).toBe(200);
  });
});
