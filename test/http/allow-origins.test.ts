import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import worker from "../../src/local.ts";
import { scriptedEnv } from "../support/call-worker.ts";

const origin = "https://app.test.com";
const bindings = scriptedEnv({ PARAPET_CORS_ORIGINS: `${origin},https://*.preview.test.com` });

async function call(method: string, path: string, headers: Record<string, string>, body?: string, env = bindings) {
  const context = createExecutionContext();
  const request = new Request(`https://parapet.test${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  // A Request made here lacks what Cloudflare's edge adds, which the worker does not read.
  const response = await worker.fetch(request as Parameters<typeof worker.fetch>[0], env, context);
  await response.arrayBuffer();
  await waitOnExecutionContext(context);
  return response;
}

const preflight = {
  "access-control-request-method": "POST",
  "access-control-request-headers": "authorization,content-type,x-stainless-lang",
};

describe("a preflight", () => {
  it("is answered without credentials, for a listed origin, and kept by the browser", async () => {
    const { status, headers } = await call("OPTIONS", "/v1/chat/completions", { origin, ...preflight });
    expect(status).toBe(204);
    expect(headers.get("access-control-allow-origin")).toBe(origin);
    expect(headers.get("access-control-allow-methods")).toContain("POST");
    expect(headers.get("access-control-allow-headers")).toContain("x-stainless-lang");
    expect(headers.get("access-control-max-age")).toBe("7200");
    expect(headers.get("access-control-allow-credentials")).toBeNull();
    expect(headers.get("vary")).toMatch(/origin/i);
    expect(headers.get("x-request-id")).toMatch(/^req_/);
  });

  it.each(["https://evil.com", "https://app.test.com.evil.com", "null"])(
    "names no origin back to %s",
    async (other) => {
      const { headers } = await call("OPTIONS", "/v1/chat/completions", { origin: other, ...preflight });
      expect(headers.get("access-control-allow-origin")).toBeNull();
      expect(headers.get("vary")).toMatch(/origin/i);
    },
  );

  it("goes unanswered where no origins are configured", async () => {
    const { status, headers } = await call(
      "OPTIONS",
      "/v1/chat/completions",
      { origin, ...preflight },
      undefined,
      scriptedEnv(),
    );
    expect(status).toBe(401);
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("an answer to a listed origin can be read by its page", () => {
  it.each([
    ["a refusal for want of a key", "GET", "/v1/models", undefined, 401],
    ["a path that does not exist", "GET", "/nowhere", undefined, 404],
    ["a body that is too large", "POST", "/v1/chat/completions", "x".repeat(20 * 1024 * 1024 + 1), 413],
    ["the document", "GET", "/openapi.json", undefined, 200],
  ])("%s", async (_what, method, path, body, expected) => {
    const { status, headers } = await call(method, path, { origin, "content-type": "application/json" }, body);
    expect(status).toBe(expected);
    expect(headers.get("access-control-allow-origin")).toBe(origin);
    expect(headers.get("access-control-expose-headers")).toContain("x-parapet-cost");
    expect(headers.get("vary")).toMatch(/origin/i);
  });

  it("and to another origin cannot", async () => {
    const { headers } = await call("GET", "/openapi.json", { origin: "https://evil.com" });
    expect(headers.get("access-control-allow-origin")).toBeNull();
    expect(headers.get("vary")).toMatch(/origin/i);
  });
});
