import { beforeAll, describe, expect, it } from "vitest";
import { runFlap } from "../bench/faults/run-flap.ts";
import { ask, judge, type Target } from "../bench/faults/run-scenario.ts";
import { flap, scenarios } from "../bench/faults/scenarios.ts";
import { issueKey, newProject, readingScopes, type IssuedKey } from "./api.ts";
import { resetProvider, statsOf } from "./provider.ts";
import { usageOfKey } from "./records.ts";

// failoverbench's faults, over real HTTP: each ends in one complete answer or in the one right error.

const project = newProject();
let reader: IssuedKey;

beforeAll(async () => {
  await resetProvider();
  reader = await issueKey({ project, scopes: readingScopes });
});

describe("a provider's fault", () => {
  it.each(scenarios)("$id, $what, ends as it should", async ({ models, stream, expected }) => {
    const key = await issueKey({ project, scopes: ["chat"] });
    const target: Target = { baseUrl: key.baseUrl, key: key.key };
    const outcome = await ask(target, { models, stream });
    expect(judge(expected, outcome)).toEqual([]);
    // Every attempt is billed once, and none that was not made.
    const attempts = expected.kind === "error" ? expected.asked : expected.attempts.length;
    const usage = await usageOfKey(reader, key.id, attempts);
    expect(usage.calls).toBe(attempts);
    if (outcome.costMicros !== null) expect(usage.cost_micros).toBe(outcome.costMicros);
    const asked = await Promise.all(models.map((name) => statsOf(name)));
    expect(asked.reduce((total, stats) => total + stats.requests, 0)).toBe(attempts);
  });
});

describe("S15, a model that flaps", () => {
  it("is left alone while it is down, and asked again when it is back; nobody sees it", async () => {
    const key = await issueKey({ project, scopes: ["chat"] });
    const outcome = await runFlap({ baseUrl: key.baseUrl, key: key.key });
    expect(outcome.answered).toBe(outcome.requests);
    // Five failures open the breaker; after that one probe a cooldown: 1 s, 2 s, 4 s.
    expect(outcome.asked).toBeLessThanOrEqual(8);
    expect(outcome.recoveredMs).toBeGreaterThanOrEqual(flap.downMs - 500);
    expect(outcome.recoveredMs).toBeLessThan(10_000);
  });
});

describe("a caller's own deadline", () => {
  it("ends a request that would wait for longer, with what was tried", async () => {
    const key = await issueKey({ project, scopes: ["chat"] });
    const outcome = await ask(
      { baseUrl: key.baseUrl, key: key.key },
      { models: ["hang"], stream: true },
      { headers: { "x-parapet-timeout-ms": "400" } },
    );
    expect(outcome).toMatchObject({ status: 504, error: "upstream_timeout" });
    expect(outcome.totalMs).toBeLessThan(1_400);
  });

  it("may not be longer than the deployment's", async () => {
    const key = await issueKey({ project, scopes: ["chat"] });
    const outcome = await ask(
      { baseUrl: key.baseUrl, key: key.key },
      { models: ["ok"], stream: true },
      { headers: { "x-parapet-timeout-ms": "999999" } },
    );
    expect(outcome).toMatchObject({ status: 400, error: "invalid_request" });
  });
});
