import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { inject } from "vitest";
import type { Settings } from "../../src/env.ts";
import worker from "../../src/local.ts";

const behaviours = [
  "ok",
  "echo",
  "long-20",
  "json",
  "json-wrong",
  "json-wrong-first",
  "json-with-card",
  "tool-call",
  "tool-call-wrong",
  "tool-call-wrong-first",
  "tool-call-wrong-then-text",
  "think",
  "think-card",
  "logprobs",
  "leak-card",
];

/** The test deployment with one provider, the scripted one. */
export function scriptedEnv(change: Partial<Record<keyof Env | keyof Settings, unknown>> = {}): Env {
  const models = behaviours.map((name) => ({
    name,
    capabilities: ["tools", "json_schema", "logprobs"],
    contextWindow: 10_000,
    maxOutputTokens: 1_000,
    price: { inputUsdPerMillion: 1, outputUsdPerMillion: 10 },
  }));
  const providers = [{ name: "scripted", baseUrl: `${inject("scriptedProviderUrl")}/v1`, models }];
  // Bindings that a test broke are no longer of their type.
  return { ...env, PARAPET_PROVIDERS: JSON.stringify(providers), ...change } as unknown as Env;
}

/** One request to the worker, and what it leaves to be done afterwards. */
export async function callWorker(
  bindings: Env,
  path: string,
  { key, body, method }: { key: string; body?: unknown; method?: string },
) {
  const context = createExecutionContext();
  const request = new Request(`https://parapet.test${path}`, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // A Request made here lacks what Cloudflare's edge adds, which the worker does not read.
  const response = await worker.fetch(request as Parameters<typeof worker.fetch>[0], bindings, context);
  const text = await response.text();
  await waitOnExecutionContext(context);
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  return { status: response.status, headers: response.headers, text, json: isStream ? null : JSON.parse(text) };
}

export const adminToken = "admin_test_admin_test_admin_test_admin";

/** A new key with these scopes, made with the admin's token. */
export async function makeKey(scopes: string[], limits: object = {}): Promise<string> {
  const created = await callWorker(scriptedEnv(), "/v1/keys", {
    key: adminToken,
    body: { name: "test", scopes, limits },
  });
  if (created.status !== 201) throw new Error(JSON.stringify(created.json));
  return created.json.key;
}
