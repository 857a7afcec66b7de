import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { adminToken } from "../support/call-worker.ts";
import { newId } from "../../src/core/ids.ts";
import type { ReplayAnswer, ReplayRequest } from "../../src/core/replay.ts";
import { createReplay } from "../../src/objects/replay.ts";

// The object's handler is the worker's own: these run requests that reach no model, and leave the rest to the end-to-end tests.

const subjectId = "sub_replay_test";
/** Megabytes are encrypted several times over, on a machine that has other work. */
const largeTimeoutMs = 30_000;

function replayNamed(name: string = newId("request")) {
  return env.REPLAY.getByName(`prj_default/${subjectId}/${name}`);
}
type ReplayStub = ReturnType<typeof replayNamed>;

/** Makes a key: it changes something, so that a second run shows. */
function makeKeyRequest(more: Partial<ReplayRequest> = {}, body: object = { name: "replayed" }): ReplayRequest {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return {
    fingerprint: "one",
    method: "POST",
    url: "https://parapet.test/v1/keys",
    headers: [
      ["authorization", `Bearer ${adminToken}`],
      ["content-type", "application/json"],
    ],
    body: Uint8Array.from(bytes).buffer,
    lastEventId: null,
    isKept: true,
    ...more,
  };
}

async function read(
  answer: ReplayAnswer,
): Promise<{ kind: string; status: number; text: string; requestId: string | null }> {
  if (answer.kind !== "run" && answer.kind !== "replay") throw new Error(answer.kind);
  const { response, kind } = answer;
  return {
    kind,
    status: response.status,
    text: await response.text(),
    requestId: response.headers.get("x-request-id"),
  };
}

async function sizeOf(answer: ReplayAnswer): Promise<number> {
  if (answer.kind !== "run" && answer.kind !== "replay") throw new Error(answer.kind);
  return (await answer.response.arrayBuffer()).byteLength;
}

/** As if the process had died: what is in memory goes, the rows stay. */
async function kill(replay: ReplayStub): Promise<void> {
  await runInDurableObject(replay, (_instance, state) => state.abort()).catch(() => undefined);
}

async function change(replay: ReplayStub, more: object): Promise<void> {
  await runInDurableObject(replay, (_instance, state) => {
    state.storage.kv.put("run", { ...state.storage.kv.get<object>("run"), ...more });
  });
}

describe("a replay object", () => {
  it("runs a request once and gives the same answer again, with the ids of the run", async () => {
    const replay = replayNamed();
    const first = await read(await replay.join(makeKeyRequest()));
    const second = await read(await replay.join(makeKeyRequest()));
    expect(first).toMatchObject({ kind: "run", status: 201, requestId: expect.stringMatching(/^req_/) });
    expect(second).toEqual({ ...first, kind: "replay" });
  });

  it("lets the second of two at once follow the first", async () => {
    const replay = replayNamed();
    const answers = await Promise.all([replay.join(makeKeyRequest()), replay.join(makeKeyRequest())]);
    const [first, second] = await Promise.all(answers.map((answer) => read(answer)));
    expect([first?.kind, second?.kind].toSorted()).toEqual(["replay", "run"]);
    expect(first?.text).toBe(second?.text);
  });

  it("calls another request under the same key a conflict", async () => {
    const replay = replayNamed();
    await read(await replay.join(makeKeyRequest()));
    expect(await replay.join(makeKeyRequest({ fingerprint: "two" }))).toEqual({ kind: "conflict" });
  });

  it("keeps the answer over a restart, encrypted", async () => {
    const name = newId("request");
    const first = await read(await replayNamed(name).join(makeKeyRequest()));
    await kill(replayNamed(name));
    await runInDurableObject(replayNamed(name), (_instance, state) => {
      const rows = state.storage.sql.exec<{ sealed: ArrayBuffer }>("select sealed from segment").toArray();
      expect(rows.length).toBeGreaterThan(0);
      for (const { sealed } of rows) expect(new TextDecoder().decode(sealed)).not.toContain("replayed");
    });
    expect(await read(await replayNamed(name).join(makeKeyRequest()))).toEqual({ ...first, kind: "replay" });
  });

  it("forgets a failure that cost nothing, so that the same key may try again", async () => {
    const replay = replayNamed();
    const wrong = await read(await replay.join(makeKeyRequest({}, { name: "" })));
    expect(wrong).toMatchObject({ kind: "run", status: 400 });
    const right = await read(await replay.join(makeKeyRequest({ fingerprint: "two" })));
    expect(right).toMatchObject({ kind: "run", status: 201 });
    // What forgot the first has not taken the second's alarm along.
    await runInDurableObject(replay, async (_instance, state) => {
      expect(await state.storage.getAlarm()).toBeGreaterThan(Date.now());
    });
  });

  it("runs a lost request again when it had not asked for admission yet", async () => {
    const name = newId("request");
    await read(await replayNamed(name).join(makeKeyRequest()));
    await change(replayNamed(name), { phase: "running", isAdmitted: false, head: null });
    await kill(replayNamed(name));
    expect(await read(await replayNamed(name).join(makeKeyRequest()))).toMatchObject({ kind: "run", status: 201 });
  });

  it("never runs a lost request again once it may have been charged", async () => {
    const name = newId("request");
    await read(await replayNamed(name).join(makeKeyRequest()));
    await change(replayNamed(name), { phase: "running", head: null });
    await kill(replayNamed(name));
    expect(await replayNamed(name).join(makeKeyRequest())).toEqual({ kind: "interrupted" });
    // Still known when nobody asked before the object's alarm.
    await kill(replayNamed(name));
    await runDurableObjectAlarm(replayNamed(name));
    expect(await replayNamed(name).join(makeKeyRequest())).toEqual({ kind: "interrupted" });
  });

  it("forgets everything when its time is over, by its alarm", async () => {
    const replay = replayNamed();
    const first = await read(await replay.join(makeKeyRequest()));
    await runDurableObjectAlarm(replay);
    expect(await read(await replay.join(makeKeyRequest()))).toEqual({ ...first, kind: "replay" });
    await change(replay, { expiresAtMs: Date.now() - 1 });
    await runDurableObjectAlarm(replay);
    await runInDurableObject(replay, async (_instance, state) => {
      expect(await state.storage.list()).toEqual(new Map());
      expect(await state.storage.getAlarm()).toBeNull();
    });
    const again = await read(await replay.join(makeKeyRequest()));
    expect(again.kind).toBe("run");
    expect(again.text).not.toBe(first.text);
  });

  it("keeps nothing of a run that only drains", async () => {
    const replay = replayNamed();
    await read(await replay.join(makeKeyRequest({ isKept: false })));
    await change(replay, { expiresAtMs: Date.now() - 1 });
    await runDurableObjectAlarm(replay);
    await runInDurableObject(replay, async (_instance, state) => {
      expect(await state.storage.list()).toEqual(new Map());
    });
  });

  it(
    "keeps a body of 5 MB in the bucket, over a restart, until its time is over",
    async () => {
      const name = newId("request");
      const block = crypto.getRandomValues(new Uint8Array(65_536));
      const bytes = Buffer.concat(Array.from({ length: 80 }, () => block));
      await runInDurableObject(replayNamed(name), async (_instance, state) => {
        const Large = createReplay(() => new Response(bytes, { headers: { "content-type": "application/json" } }));
        expect(await sizeOf(await new Large(state, env).join(makeKeyRequest()))).toBe(bytes.length);
      });
      const { id } = replayNamed(name);
      const listed = async () => (await env.CONTENT.list({ prefix: `replay/${id.toString()}/` })).objects.length;
      expect(await listed()).toBeGreaterThanOrEqual(4);
      await kill(replayNamed(name));
      const again = await replayNamed(name).join(makeKeyRequest());
      if (again.kind !== "replay") throw new Error(again.kind);
      expect(Buffer.from(await again.response.arrayBuffer()).equals(bytes)).toBe(true);

      await change(replayNamed(name), { expiresAtMs: Date.now() - 1 });
      await runDurableObjectAlarm(replayNamed(name));
      expect(await listed()).toBe(0);
    },
    largeTimeoutMs,
  );

  it(
    "reads little ahead of a slow reader, however long the answer",
    async () => {
      const name = newId("request");
      const mebibyte = new Uint8Array(1024 * 1024);
      let left = 12;
      const long = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (left-- > 0) controller.enqueue(mebibyte);
          else controller.close();
        },
      });
      await runInDurableObject(replayNamed(name), async (_instance, state) => {
        expect(
          await sizeOf(await new (createReplay(() => new Response(long)))(state, env).join(makeKeyRequest())),
        ).toBe(12 * mebibyte.length);
      });
      await kill(replayNamed(name));
      const answer = await replayNamed(name).join(makeKeyRequest());
      if (answer.kind !== "replay" || answer.response.body === null) throw new Error(answer.kind);
      const reader = answer.response.body.getReader();
      let received = (await reader.read()).value?.length ?? 0;
      // What was not read from the bucket by now can no longer be.
      const prefix = `replay/${replayNamed(name).id.toString()}/`;
      const { objects } = await env.CONTENT.list({ prefix });
      await env.CONTENT.delete(objects.map((object) => object.key));
      const readOn = async () => {
        for (let step = await reader.read(); !step.done; step = await reader.read()) received += step.value.length;
      };
      await expect(readOn()).rejects.toThrow();
      expect(objects.length).toBeGreaterThanOrEqual(11);
      expect(received).toBeLessThan(4 * mebibyte.length);
    },
    largeTimeoutMs,
  );

  it("says that an answer is gone when its subject's key was destroyed", async () => {
    const name = newId("request");
    await read(await replayNamed(name).join(makeKeyRequest()));
    await kill(replayNamed(name));
    await runInDurableObject(replayNamed(name), (_instance, state) => {
      // What another key would make of it: bytes that do not authenticate.
      state.storage.sql.exec("update segment set sealed = zeroblob(length(sealed))");
    });
    expect(await replayNamed(name).join(makeKeyRequest())).toEqual({ kind: "interrupted" });
  });
});
