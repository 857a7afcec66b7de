import OpenAI from "openai";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { until } from "../support/until.ts";
import {
  admin,
  chatBody,
  completionOf,
  errorOf,
  issueKey,
  newProject,
  open,
  readingScopes,
  send,
  type Caller,
  type IssuedKey,
  type Reply,
} from "./api.ts";
import { statsOf } from "./provider.ts";
import { readEvents } from "./read-events.ts";
import { auditOf, usageOfKey } from "./records.ts";

const path = "/v1/chat/completions";
/** Two seconds of it: long enough to leave in the middle, far from the deployment's total timeout of five. */
const longText = "One two three four five six seven eight nine ten. ".repeat(100);
const project = newProject();

let key: IssuedKey;
let reader: IssuedKey;
let names = 0;

beforeAll(async () => {
  key = await issueKey({ project });
  reader = await issueKey({ project, scopes: readingScopes });
});

/** One that no other test, and no earlier run, has used. */
function newIdempotencyKey(): string {
  names += 1;
  return `e2e ${Date.now()} ${names}`;
}

function ask(caller: Caller, name: string, body: object, headers: Record<string, string> = {}): Promise<Reply> {
  return send(caller, "POST", path, body, { headers: { "idempotency-key": name, ...headers } });
}

/** How often the provider is asked for a model while something happens. */
async function requestsDuring(model: string, act: () => Promise<void>): Promise<number> {
  const before = (await statsOf(model)).requests;
  await act();
  return (await statsOf(model)).requests - before;
}

/** Starts a stream and leaves it after `count` whole events; gives back what came. */
async function leaveAfter(
  count: number,
  caller: Caller,
  body: object,
  headers: Record<string, string> = {},
): Promise<{ raw: string; response: Response }> {
  const leaving = new AbortController();
  const response = await open(caller, "POST", path, body, { headers, signal: leaving.signal });
  const decoder = new TextDecoder();
  let raw = "";
  for await (const piece of response.body ?? []) {
    raw += decoder.decode(piece, { stream: true });
    if (raw.split("\n\n").length > count) break;
  }
  leaving.abort();
  return { raw: raw.slice(0, raw.lastIndexOf("\n\n") + 2), response };
}

function eventIds(raw: string): number[] {
  return [...raw.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
}

describe("a request with an Idempotency-Key", () => {
  it("is run once, and answered the same afterwards, for nothing", async () => {
    const name = newIdempotencyKey();
    const own = await issueKey({ project });
    const replies: Reply[] = [];
    const asked = await requestsDuring("usage-0-50", async () => {
      replies.push(await ask(own, name, chatBody("scripted/usage-0-50")));
      replies.push(await ask(own, name, chatBody("scripted/usage-0-50")));
    });
    expect(asked).toBe(1);
    const [first, second] = replies;
    if (first === undefined || second === undefined) throw new Error("two were asked");
    expect(first.status, first.text).toBe(200);
    expect(second.text).toBe(first.text);
    expect(first.headers.get("x-parapet-idempotent-replay")).toBeNull();
    expect(completionOf(first).parapet.trace_id).toBe(first.traceId);
    expect(second.headers.get("x-parapet-idempotent-replay")).toBe("true");
    expect(second.headers.get("x-parapet-original-request-id")).toBe(first.headers.get("x-request-id"));
    expect(second.headers.get("x-parapet-original-trace")).toBe(first.traceId);
    expect(second.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
    for (const header of ["content-type", "x-parapet-model", "x-parapet-cost"])
      expect(second.headers.get(header)).toBe(first.headers.get(header));
    expect(await auditOf(reader, first.traceId)).toMatchObject({ action: "chat.completions", costMicros: 500 });
    expect(await auditOf(reader, second.traceId)).toMatchObject({
      action: "idempotency.replay",
      outcome: "ok",
      costMicros: 0,
      detail: { trace: first.traceId, status: 200 },
    });
    expect(await usageOfKey(reader, own.id, 1)).toMatchObject({ calls: 1, cost_micros: 500 });
  });

  it("is the same request with its JSON in another order", async () => {
    const name = newIdempotencyKey();
    const body = chatBody("scripted/ok", { temperature: 0 });
    const first = await ask(key, name, body);
    const second = await ask(key, name, Object.fromEntries(Object.entries(body).toReversed()));
    expect(second.text).toBe(first.text);
    expect(second.headers.get("x-parapet-idempotent-replay")).toBe("true");
  });

  it("is run once when it is sent twice at once", async () => {
    const name = newIdempotencyKey();
    let replies: Reply[] = [];
    const asked = await requestsDuring("slow-500", async () => {
      replies = await Promise.all([1, 2, 3].map(() => ask(key, name, chatBody("scripted/slow-500"))));
    });
    expect(asked).toBe(1);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(replies.filter(({ headers }) => headers.has("x-parapet-idempotent-replay"))).toHaveLength(2);
  });

  it("is refused with another body, by the header's name", async () => {
    const name = newIdempotencyKey();
    await ask(key, name, chatBody("scripted/ok"));
    const refused = await ask(key, name, chatBody("scripted/echo"));
    expect(refused.status).toBe(409);
    expect(errorOf(refused)).toMatchObject({ code: "conflict", param: "Idempotency-Key" });
    expect(await auditOf(reader, refused.traceId)).toMatchObject({ action: "idempotency.replay", outcome: "conflict" });
    // The first one's answer is still there.
    expect((await ask(key, name, chatBody("scripted/ok"))).headers.get("x-parapet-idempotent-replay")).toBe("true");
  });

  it.each([
    ["empty", ""],
    ["longer than 255 characters", "k".repeat(256)],
    ["not ASCII", "cl\u00e9"],
  ])("is refused when the key is %s", async (_what, name) => {
    const refused = await ask(key, name, chatBody("scripted/ok"));
    expect(refused.status).toBe(400);
    expect(errorOf(refused)).toMatchObject({ code: "invalid_request", param: "Idempotency-Key" });
  });

  it("belongs to its principal: another key has a run of its own", async () => {
    const name = newIdempotencyKey();
    const other = await issueKey({ project });
    const first = await ask(key, name, chatBody("scripted/ok"));
    const second = await ask(other, name, chatBody("scripted/ok"));
    expect(second.headers.has("x-parapet-idempotent-replay")).toBe(false);
    expect(completionOf(second).parapet.trace_id).not.toBe(completionOf(first).parapet.trace_id);
  });

  it("may be tried again after a failure that cost nothing", async () => {
    const name = newIdempotencyKey();
    const wrong = await ask(key, name, chatBody("scripted/ok", { temperature: 9 }));
    expect(wrong.status).toBe(400);
    const right = await ask(key, name, chatBody("scripted/ok"));
    expect(right.status, right.text).toBe(200);
    expect(right.headers.has("x-parapet-idempotent-replay")).toBe(false);
  });

  it("keeps a failure that was charged: trying again would be charged again", async () => {
    const name = newIdempotencyKey();
    const first = await ask(key, name, chatBody("scripted/half-frame"));
    expect(first.status).toBeGreaterThanOrEqual(500);
    expect((await auditOf(reader, first.traceId)).costMicros).toBeGreaterThan(0);
    const asked = await requestsDuring("half-frame", async () => {
      const second = await ask(key, name, chatBody("scripted/half-frame"));
      expect(second).toMatchObject({ status: first.status, text: first.text });
    });
    expect(asked).toBe(0);
  });

  it("is answered to a client that left before the answer came, and comes back for it", async () => {
    const name = newIdempotencyKey();
    const before = await statsOf("slow-500");
    const leaving = async () => {
      await send(key, "POST", path, chatBody("scripted/slow-500"), {
        headers: { "idempotency-key": name },
        signal: AbortSignal.timeout(250),
      });
    };
    await expect(leaving()).rejects.toThrow();
    const reply = await ask(key, name, chatBody("scripted/slow-500"));
    expect(completionOf(reply).content).toBe("Hello from the scripted provider.");
    expect(reply.headers.get("x-parapet-idempotent-replay")).toBe("true");
    const after = await statsOf("slow-500");
    expect(after.requests - before.requests).toBe(1);
    expect(after.disconnects).toBe(before.disconnects);
  });

  it("counts against the rate limit each time, and gives nothing beyond it", async () => {
    const limited = await issueKey({ project, limits: { requests_per_minute: 2 } });
    const name = newIdempotencyKey();
    const statuses = [];
    for (let count = 0; count < 3; count += 1)
      statuses.push((await ask(limited, name, chatBody("scripted/ok"))).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  it("gives a revoked key nothing", async () => {
    const revoked = await issueKey({ project });
    const name = newIdempotencyKey();
    expect((await ask(revoked, name, chatBody("scripted/ok"))).status).toBe(200);
    await send(admin(), "DELETE", `/v1/keys/${revoked.id}?project_id=${project}`);
    const refused = await until(
      async () => {
        const reply = await ask(revoked, name, chatBody("scripted/ok"));
        return reply.status === 401 ? reply : null;
      },
      { timeoutMs: 12_000, what: "the revoked key is refused" },
    );
    expect(refused.text).not.toContain("Hello");
  });

  it("makes a key once", async () => {
    const headers = { "idempotency-key": newIdempotencyKey() };
    const create = () => send(admin(), "POST", "/v1/keys", { name: "once", project_id: project }, { headers });
    const [first, second] = [await create(), await create()];
    expect(first.status, first.text).toBe(201);
    expect(second.text).toBe(first.text);
  });

  it("may name the subject it acts for, and is that subject's own", async () => {
    const acting = await issueKey({ project, scopes: ["chat", "act_as"] });
    const name = newIdempotencyKey();
    const bodyFor = (subject: string) => chatBody("scripted/ok", { parapet: { subject } });
    const [anna, again, bert] = [
      await ask(acting, name, bodyFor("anna")),
      await ask(acting, name, bodyFor("anna")),
      await ask(acting, name, bodyFor("bert")),
    ];
    expect(again.text).toBe(anna.text);
    expect(bert.headers.has("x-parapet-idempotent-replay")).toBe(false);
    expect((await auditOf(reader, again.traceId)).subjectId).toBe((await auditOf(reader, anna.traceId)).subjectId);
  });

  it("comes from OpenAI's client as a header, streamed and not", async () => {
    const client = new OpenAI({ baseURL: `${inject("baseUrl")}/v1`, apiKey: key.key, maxRetries: 0 });
    const messages = [{ role: "user" as const, content: "Say hello." }];
    const [name, streamName] = [newIdempotencyKey(), newIdempotencyKey()];
    const once = () =>
      client.chat.completions.create({ model: "scripted/ok", messages }, { headers: { "Idempotency-Key": name } });
    expect(await once()).toEqual(await once());
    const streamed = () =>
      client.chat.completions
        .stream({ model: "scripted/ok", messages }, { headers: { "Idempotency-Key": streamName } })
        .finalChatCompletion();
    const [first, second] = [await streamed(), await streamed()];
    expect(first.choices[0]?.message.content).toBe("Hello from the scripted provider.");
    expect(second).toEqual(first);
    // The client's own option of that name sends no header to OpenAI either: a plain request.
    const plain = await client.chat.completions.create({ model: "scripted/ok", messages }, { idempotencyKey: name });
    expect(plain.choices[0]?.message.content).toBe("Hello from the scripted provider.");
  });
});

describe("a stream with an Idempotency-Key", () => {
  const body = chatBody("scripted/long-100", { stream: true });

  it("goes on without its client, who gets the rest when it comes back: what it has not seen, or all", async () => {
    const name = newIdempotencyKey();
    const headers = { "idempotency-key": name };
    const before = await statsOf("long-100");
    const left = await leaveAfter(5, key, body, headers);
    const seen = eventIds(left.raw);
    expect(seen.slice(0, 5)).toEqual([1, 2, 3, 4, 5]);

    const lastSeen = seen.at(-1) ?? 0;
    const resumed = await open(key, "POST", path, body, { headers: { ...headers, "last-event-id": String(lastSeen) } });
    expect(resumed.headers.get("x-parapet-idempotent-replay")).toBe("true");
    expect(resumed.headers.get("content-type")).toContain("text/event-stream");
    const rest = await resumed.text();
    expect(eventIds(rest)[0]).toBe(lastSeen + 1);
    const whole = readEvents(left.raw + rest);
    expect(whole).toMatchObject({ text: longText, finishReason: "stop", isDone: true });

    const again = await ask(key, name, body);
    expect(again.text).toBe(left.raw + rest);
    const after = await statsOf("long-100");
    expect(after.requests - before.requests).toBe(1);
    expect(after.disconnects).toBe(before.disconnects);
    const trace = left.response.headers.get("x-parapet-trace") ?? "";
    expect(await auditOf(reader, trace)).toMatchObject({ outcome: "ok", estimated: false });
  });

  it("is followed live by a second client, which costs nothing", async () => {
    const name = newIdempotencyKey();
    const asked = await requestsDuring("long-20", async () => {
      const streams = chatBody("scripted/long-20", { stream: true });
      const [first, second] = await Promise.all([ask(key, name, streams), ask(key, name, streams)]);
      expect(first.text).toBe(second.text);
      expect(readEvents(first.text)).toMatchObject({ isDone: true, finishReason: "stop" });
    });
    expect(asked).toBe(1);
  });
});

describe("a stream whose client leaves", () => {
  const streams = (more: object = {}) => chatBody("scripted/long-100", { stream: true, ...more });
  const draining = { parapet: { on_disconnect: "drain" } };

  async function leave(caller: Caller, body: object): Promise<string> {
    const { raw, response } = await leaveAfter(5, caller, body);
    expect(raw).not.toMatch(/^id:/m);
    return response.headers.get("x-parapet-trace") ?? "";
  }

  it("is finished, charged once and kept when the request says `drain`", async () => {
    const own = await issueKey({ project });
    const before = await statsOf("long-100");
    const trace = await leave(own, streams(draining));
    expect(await auditOf(reader, trace)).toMatchObject({ outcome: "ok", estimated: false });
    expect(await usageOfKey(reader, own.id, 1)).toMatchObject({ calls: 1, output_tokens: 100, estimated_calls: 0 });
    const after = await statsOf("long-100");
    expect(after.requests - before.requests).toBe(1);
    expect(after.disconnects).toBe(before.disconnects);
    const content = await send(reader, "GET", `/v1/traces/${trace}/content`);
    expect(content.text).toContain(longText.trim());
  });

  it("is finished when the key says so, and the request nothing", async () => {
    const created = await send(admin(), "POST", "/v1/keys", {
      name: "drains",
      project_id: project,
      scopes: ["chat"],
      on_disconnect: "drain",
    });
    expect(created.json).toMatchObject({ on_disconnect: "drain" });
    const own: Caller = { ...key, ...(created.json as { key: string }) };
    const trace = await leave(own, streams());
    expect(await auditOf(reader, trace)).toMatchObject({ outcome: "ok", estimated: false });
    const aborted = await leave(own, streams({ parapet: { on_disconnect: "abort" } }));
    expect(await auditOf(reader, aborted)).toMatchObject({ outcome: "client_closed_request" });
  });

  it("is ended by default, and charged for what was used", async () => {
    const before = await statsOf("long-100");
    const trace = await leave(key, streams());
    expect(await auditOf(reader, trace)).toMatchObject({ outcome: "client_closed_request", estimated: true });
    expect((await statsOf("long-100")).disconnects).toBe(before.disconnects + 1);
  });
});
