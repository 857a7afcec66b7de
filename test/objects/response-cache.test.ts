import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { leaseMs } from "../../src/core/answer-cache.ts";
import { ResponseShelf, maxAnswers, maxBytes } from "../../src/objects/response-shelf.ts";

let names = 0;
let name: string;
let cache: ReturnType<typeof env.RESPONSE_CACHE.getByName>;

beforeEach(() => {
  names += 1;
  name = `prj_shelf_${names}/sub_a`;
  cache = env.RESPONSE_CACHE.getByName(name);
});

type Stub = typeof cache;

const claim = (on: Stub, key: string, more: object = {}) =>
  on.claim({ key, subjectId: "sub_a", acceptKept: true, waitMs: 0, ...more });

async function lead(on: Stub, key: string, subjectId = "sub_a"): Promise<string> {
  const claimed = await claim(on, key, { subjectId });
  if (claimed.state !== "lead") throw new Error(claimed.state);
  return claimed.token;
}

async function keep(on: Stub, key: string, subjectId?: string, body = new Uint8Array([1]), ttlMs = 60_000) {
  await on.keep(key, await lead(on, key, subjectId), { body, ttlMs });
}

const leaseLeftMs = (on: Stub) =>
  runInDurableObject(
    on,
    (_object, state) => Number(state.storage.sql.exec("select lease_until_ms as ms from flight").one().ms) - Date.now(),
  );

const stateOf = async (on: Stub, key: string) => (await claim(on, key)).state;

describe("a leader", () => {
  it("that was silent for the whole of its lease is lost: the next one leads, and its answer comes too late", async () => {
    const lost = await lead(cache, "k");
    expect(await stateOf(cache, "k")).toBe("late");
    await runInDurableObject(cache, (_object, state) => {
      state.storage.sql.exec("update flight set lease_until_ms = ?", Date.now() - 1);
    });
    const next = await lead(cache, "k");
    await cache.keep("k", lost, { body: new Uint8Array([1]), ttlMs: 60_000 });
    expect(await stateOf(cache, "k")).toBe("late");
    await cache.keep("k", next, { body: new Uint8Array([2]), ttlMs: 60_000 });
    expect(await claim(cache, "k")).toEqual({ state: "hit", body: new Uint8Array([2]) });
  });

  it("that is lost while another waits is followed at once when its lease ends", async () => {
    await lead(cache, "k");
    await runInDurableObject(cache, (_object, state) => {
      state.storage.sql.exec("update flight set lease_until_ms = ?", Date.now() + 40);
    });
    expect((await claim(cache, "k", { waitMs: 5_000 })).state).toBe("lead");
  });

  it("keeps its lease by saying that it lives", async () => {
    const token = await lead(cache, "k");
    await runInDurableObject(cache, (_object, state) => {
      state.storage.sql.exec("update flight set lease_until_ms = ?", Date.now() - 1);
    });
    await cache.renew("k", "another's token");
    expect(await leaseLeftMs(cache)).toBeLessThan(0);
    await cache.renew("k", token);
    expect(await leaseLeftMs(cache)).toBeGreaterThan(leaseMs - 1_000);
    expect(await stateOf(cache, "k")).toBe("late");
  });

  it("is still the only one after the object was restarted", async () => {
    const token = await lead(cache, "k");
    await evictDurableObject(cache);
    expect(await stateOf(cache, "k")).toBe("late");
    await cache.keep("k", token, { body: new Uint8Array([1]), ttlMs: 60_000 });
    expect(await stateOf(cache, "k")).toBe("hit");
  });
});

describe("what is kept", () => {
  it("is dropped by the alarm when its time is over, what lives on is not", async () => {
    await keep(cache, "brief", undefined, new Uint8Array([1]), 1_000);
    await keep(cache, "long");
    await runInDurableObject(cache, (_object, state) => {
      state.storage.sql.exec("update answer set expires_at_ms = ? where key = 'brief'", Date.now() - 1);
    });
    await runDurableObjectAlarm(cache);
    const left = await runInDurableObject(cache, (_object, state) =>
      state.storage.sql.exec("select key from answer").toArray(),
    );
    expect(left).toEqual([{ key: "long" }]);
    expect(await runInDurableObject(cache, (_object, state) => state.storage.getAlarm())).toBeGreaterThan(Date.now());
  });

  it.each([
    ["their number", maxAnswers, 1],
    ["their size", Math.floor(maxBytes / (1024 * 1024)), 1024 * 1024],
  ])("gives way by %s, the least recently used first", async (_what, room, bytes) => {
    const keys = await runInDurableObject(cache, (_object, state) => {
      const shelf = new ResponseShelf(state.storage);
      const put = (key: string) =>
        shelf.put(key, { body: new Uint8Array(bytes), subjectId: "sub_a", nowMs: 1, expiresAtMs: 1_000 });
      for (let index = 0; index < room; index++) put(`k${index}`);
      // Used, so that the second oldest is the one to go.
      shelf.take("k0", { nowMs: 2, keptSinceMs: 0 });
      put("new");
      const has = (key: string) => shelf.take(key, { nowMs: 3, keptSinceMs: 0 }) !== null;
      return { k0: has("k0"), k1: has("k1"), k2: has("k2"), new: has("new") };
    });
    expect(keys).toEqual({ k0: true, k1: false, k2: true, new: true });
  });
});

describe("erasure", () => {
  it("takes a subject's answers, and what is on its way", async () => {
    await keep(cache, "kept");
    const token = await lead(cache, "running");
    await cache.purge();
    await cache.keep("running", token, { body: new Uint8Array([1]), ttlMs: 60_000 });
    expect([await stateOf(cache, "kept"), await stateOf(cache, "running")]).toEqual(["lead", "lead"]);
  });

  it("takes what the subject left in a shared scope, and nobody else's", async () => {
    const shared = env.RESPONSE_CACHE.getByName(`prj_shelf_${names}/shared/abc`);
    await keep(shared, "a's", "sub_a");
    await keep(shared, "b's", "sub_b");
    const token = await lead(shared, "a's, running", "sub_a");
    await cache.purge();
    await shared.keep("a's, running", token, { body: new Uint8Array([1]), ttlMs: 60_000 });
    const states = await Promise.all(["a's", "b's", "a's, running"].map((key) => stateOf(shared, key)));
    expect(states).toEqual(["lead", "hit", "lead"]);
  });
});
