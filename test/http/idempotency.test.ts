import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import worker from "../../src/local.ts";
import { makeKey, scriptedEnv } from "../support/call-worker.ts";

let key: string;
beforeAll(async () => {
  key = await makeKey(["chat"]);
});

/** A chat request to a deployment whose Replay objects cannot be reached. */
async function chatWithoutReplay({
  headers = {},
  more = {},
  write = JSON.stringify,
}: {
  headers?: Record<string, string>;
  more?: object;
  write?: (body: object) => string;
}) {
  const fail = () => Promise.reject(new Error("Network connection lost."));
  const context = createExecutionContext();
  const request = new Request("https://parapet.test/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: write({ model: "scripted/ok", messages: [{ role: "user", content: "Say hello." }], ...more }),
  });
  const response = await worker.fetch(
    // A Request made here lacks what Cloudflare's edge adds, which the worker does not read.
    request as Parameters<typeof worker.fetch>[0],
    scriptedEnv({ REPLAY: { getByName: () => ({ join: fail }) } }),
    context,
  );
  const json: unknown = await response.json();
  await waitOnExecutionContext(context);
  return { status: response.status, json };
}

describe("with the Replay objects out of reach", () => {
  it("a plain request is answered: it never goes there", async () => {
    expect((await chatWithoutReplay({})).status).toBe(200);
  });

  it.each([
    ["has an Idempotency-Key", { headers: { "idempotency-key": "one" } }],
    [
      "is to drain, in other letters",
      {
        more: { parapet: { on_disconnect: "drain" } },
        write: (body: object) => JSON.stringify(body).replace("on_disconnect", "\\u006fn_disconnect"),
      },
    ],
    ["is to drain", { more: { parapet: { on_disconnect: "drain" } } }],
  ])("a request that %s is refused: nobody could say that it runs once", async (_what, request) => {
    const { status, json } = await chatWithoutReplay(request);
    expect(status).toBe(503);
    expect(json).toMatchObject({ error: { code: "storage_unavailable" } });
  });

  it("a request that says `abort` is answered", async () => {
    expect((await chatWithoutReplay({ more: { parapet: { on_disconnect: "abort" } } })).status).toBe(200);
  });
});
