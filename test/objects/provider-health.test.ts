import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { defaultBreakerPolicy } from "../../src/gateway/breaker.ts";
import { createUpstreams, type Upstreams } from "../../src/gateway/upstreams.ts";

// Several isolates and the object between them.

const model = "scripted/ok";
const prompt = 10;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
});
afterEach(() => {
  vi.useRealTimers();
});

function passTime(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

/** An isolate, and what it still has to tell in the background. */
function startIsolate(health: string) {
  const told: Promise<unknown>[] = [];
  const upstreams: Upstreams = createUpstreams({
    clock: () => Date.now(),
    policy: defaultBreakerPolicy,
    sharedOf: () => env.PROVIDER_HEALTH.getByName(health),
    wait: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
  });
  const admit = () => upstreams.admit(model, prompt, (promise) => void told.push(promise));
  return {
    upstreams,
    admit,
    async call(outcome: "alive" | "down") {
      (await admit())?.end(outcome);
      await Promise.all(told.splice(0));
    },
    settle: () => Promise.all(told.splice(0)),
  };
}

async function bringDown(health: string) {
  const isolate = startIsolate(health);
  for (let call = 0; call < 5; call++) await isolate.call("down");
  return isolate;
}

it("tells an isolate of what another has seen", async () => {
  await bringDown("told");
  const other = startIsolate("told");
  expect(other.upstreams.readinessOf(model, prompt)).toEqual({ ready: true });
  await other.call("alive");
  expect(other.upstreams.readinessOf(model, prompt)).toMatchObject({ ready: false, why: "down" });
});

it("adds up what no isolate sees alone", async () => {
  const isolates = Array.from({ length: 5 }, () => startIsolate("sum"));
  for (const isolate of isolates) await isolate.call("down");
  expect(isolates[4]?.upstreams.readinessOf(model, prompt)).toMatchObject({ ready: false, why: "down" });
});

it("hands out one probe, however many isolates and calls ask for it", async () => {
  const first = await bringDown("probe");
  const others = [startIsolate("probe"), startIsolate("probe")];
  for (const other of others) await other.call("alive");
  passTime(defaultBreakerPolicy.cooldownMs);
  const isolates = [first, ...others];
  const permits = await Promise.all(isolates.flatMap(({ admit }) => [admit(), admit(), admit()]));
  const granted = permits.filter((permit) => permit !== null);
  expect(granted).toHaveLength(1);
  expect(granted[0]?.isProbe).toBe(true);

  granted[0]?.end("alive");
  for (const isolate of isolates) await isolate.settle();
  passTime(1_000);
  for (const { admit } of isolates) expect((await admit())?.isProbe).toBe(false);
});

it("doubles the cooldown when the probe fails", async () => {
  const isolate = await bringDown("doubled");
  passTime(defaultBreakerPolicy.cooldownMs);
  await isolate.call("down");
  passTime(defaultBreakerPolicy.cooldownMs);
  expect(await isolate.admit()).toBeNull();
  passTime(defaultBreakerPolicy.cooldownMs);
  expect((await isolate.admit())?.isProbe).toBe(true);
});

it("asks the object at most every few seconds while all is well", async () => {
  const isolate = startIsolate("quiet");
  const sync = vi.fn();
  const counted = createUpstreams({
    clock: () => Date.now(),
    policy: defaultBreakerPolicy,
    sharedOf: () => ({
      async sync(counts) {
        sync(counts);
        return env.PROVIDER_HEALTH.getByName("quiet").sync(counts);
      },
      leaseProbe: () => env.PROVIDER_HEALTH.getByName("quiet").leaseProbe(),
      endProbe: async () => undefined,
    }),
    wait: () => Promise.resolve(),
  });
  for (let call = 0; call < 100; call++) {
    passTime(100);
    const permit = await counted.admit(model, prompt, () => undefined);
    permit?.end("alive");
  }
  expect(sync.mock.calls.length).toBeLessThanOrEqual(4);
  await isolate.settle();
});

it("remembers that a model is down when it is evicted", async () => {
  await bringDown("evicted");
  const stub = env.PROVIDER_HEALTH.getByName("evicted");
  const stored = await runInDurableObject(stub, (_instance, state) => state.storage.kv.get("breaker"));
  expect(stored).toMatchObject({ open: { cooldownMs: defaultBreakerPolicy.cooldownMs } });
});
