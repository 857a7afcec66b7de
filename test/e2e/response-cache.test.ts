import { beforeAll, describe, expect, it } from "vitest";
import { chat, chatBody, completionOf, issueKey, newProject, readingScopes, send, type IssuedKey } from "./api.ts";
import { statsOf } from "./provider.ts";
import { readEvents } from "./read-events.ts";
import { auditOf, usageOfKey } from "./records.ts";

const project = newProject();
let key: IssuedKey;
let reader: IssuedKey;
let texts = 0;

beforeAll(async () => {
  key = await issueKey({ project, scopes: ["chat", "act_as"] });
  reader = await issueKey({ project, scopes: readingScopes });
});

/** A question nobody asked before. */
function newQuestion(model: string, more: object = {}): object {
  texts += 1;
  const messages = [{ role: "user", content: `Question ${texts} of ${project}` }];
  return chatBody(model, { messages, parapet: { cache: { mode: "use" } }, ...more });
}

describe("an equal request", () => {
  it("is answered again without the model, at no cost, and with a row of its own", async () => {
    const body = newQuestion("scripted/echo");
    const asked = (await statsOf("echo")).requests;
    const first = await chat(key, body);
    const second = await chat(key, body);
    expect([first.headers.get("x-parapet-cache"), second.headers.get("x-parapet-cache")]).toEqual(["miss", "hit"]);
    expect((await statsOf("echo")).requests).toBe(asked + 1);
    expect(completionOf(second).content).toBe(completionOf(first).content);
    expect(completionOf(second).parapet).toMatchObject({ cost_micros: 0 });
    const row = await auditOf(reader, second.traceId);
    expect(row).toMatchObject({ outcome: "ok", costMicros: 0 });
  });

  it("is replayed as a stream, and a stream as an answer", async () => {
    const body = newQuestion("scripted/long-20");
    const whole = completionOf(await chat(key, body));
    const replayed = await chat(key, { ...body, stream: true });
    expect(replayed.headers.get("x-parapet-cache")).toBe("hit");
    expect(readEvents(replayed.text)).toMatchObject({ text: whole.content, isDone: true, finishReason: "stop" });
    const other = newQuestion("scripted/long-20");
    const streamed = readEvents((await chat(key, { ...other, stream: true })).text);
    const again = await chat(key, other);
    expect(again.headers.get("x-parapet-cache")).toBe("hit");
    expect(completionOf(again).content).toBe(streamed.text);
  });

  it("of another subject is asked anew", async () => {
    const body = newQuestion("scripted/echo");
    await chat(key, body);
    const other = await chat(key, { ...body, parapet: { cache: { mode: "use" }, subject: "jane" } });
    expect(other.headers.get("x-parapet-cache")).toBe("miss");
  });

  it("waits while the first is being answered: one call, one charge", async () => {
    const before = (await statsOf("slow-500")).requests;
    const own = await issueKey({ project, scopes: ["chat"] });
    const body = newQuestion("scripted/slow-500");
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => send(own, "POST", "/v1/chat/completions", body)),
    );
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    expect(replies.filter(({ headers }) => headers.get("x-parapet-cache") === "miss")).toHaveLength(1);
    expect((await statsOf("slow-500")).requests).toBe(before + 1);
    expect(replies.filter((reply) => completionOf(reply).parapet.cost_micros > 0)).toHaveLength(1);
    await usageOfKey(reader, own.id, 1);
  });

  it("is asked anew after a failure", async () => {
    const body = newQuestion("scripted/400");
    const [first, second] = [await chat(key, body), await chat(key, body)];
    expect([first.status, second.status]).toEqual([400, 400]);
  });
});
