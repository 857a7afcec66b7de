import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  availabilityOf,
  closedBreaker,
  defaultBreakerPolicy as policy,
  endProbe,
  leaseProbe,
  observe,
  type Breaker,
} from "../../src/gateway/breaker.ts";

/** Plays outcomes, one every `stepMs`: `x` failed, `.` succeeded. */
function play(outcomes: string, stepMs: number): { breaker: Breaker; nowMs: number } {
  let breaker = closedBreaker;
  let nowMs = 1_000_000;
  for (const outcome of outcomes) {
    nowMs += stepMs;
    const failed = outcome === "x" ? 1 : 0;
    breaker = observe(breaker, { failed, succeeded: 1 - failed }, nowMs, policy);
  }
  return { breaker, nowMs };
}

describe("a closed breaker", () => {
  it.each([
    { what: "stays closed without failures", outcomes: "..........", stepMs: 10, state: "closed" },
    { what: "takes four failures for bad luck", outcomes: "xxxx", stepMs: 10, state: "closed" },
    { what: "opens at the fifth", outcomes: "xxxxx", stepMs: 10, state: "open" },
    { what: "opens when half of the calls fail", outcomes: ".x.x.x.x.x", stepMs: 10, state: "open" },
    { what: "stays closed when fewer do", outcomes: "..x..x..x..x..x", stepMs: 10, state: "closed" },
    { what: "forgets what is older than its window", outcomes: "xxxxx", stepMs: 10_000, state: "closed" },
  ])("$what", ({ outcomes, stepMs, state }) => {
    const { breaker, nowMs } = play(outcomes, stepMs);
    expect(availabilityOf(breaker, nowMs).state).toBe(state);
  });
});

describe("an open breaker", () => {
  const opened = play("xxxxx", 10);
  const cooledMs = opened.nowMs + policy.cooldownMs;

  it("lets nobody through until its cooldown is over, and says how long that is", () => {
    expect(availabilityOf(opened.breaker, cooledMs - 1)).toEqual({ state: "open", retryInMs: 1 });
    expect(leaseProbe(opened.breaker, "a", cooledMs - 1, policy)).toBeNull();
    expect(availabilityOf(opened.breaker, cooledMs)).toEqual({ state: "half_open" });
  });

  it("closes when its probe succeeds, and stays open twice as long when it fails", () => {
    const leased = leaseProbe(opened.breaker, "a", cooledMs, policy) ?? closedBreaker;
    expect(endProbe(leased, { id: "a", outcome: "succeeded" }, cooledMs, policy)).toEqual(closedBreaker);
    const failed = endProbe(leased, { id: "a", outcome: "failed" }, cooledMs, policy);
    expect(availabilityOf(failed, cooledMs)).toEqual({ state: "open", retryInMs: policy.cooldownMs * 2 });
  });

  it("gives the probe to the next when the one that had it learned nothing, or died", () => {
    const leased = leaseProbe(opened.breaker, "a", cooledMs, policy) ?? closedBreaker;
    const unknown = endProbe(leased, { id: "a", outcome: "unknown" }, cooledMs, policy);
    expect(leaseProbe(unknown, "b", cooledMs, policy)).not.toBeNull();
    expect(leaseProbe(leased, "b", cooledMs + policy.probeMs - 1, policy)).toBeNull();
    expect(leaseProbe(leased, "b", cooledMs + policy.probeMs, policy)).not.toBeNull();
  });

  it("does not listen to a probe whose lease went to another", () => {
    const leased = leaseProbe(opened.breaker, "a", cooledMs, policy) ?? closedBreaker;
    expect(endProbe(leased, { id: "b", outcome: "succeeded" }, cooledMs, policy)).toBe(leased);
  });

  it("is not opened further by calls that began before it", () => {
    expect(observe(opened.breaker, { failed: 50, succeeded: 0 }, opened.nowMs, policy)).toBe(opened.breaker);
  });
});

it("has at most one live probe, whatever happens in whatever order", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("time" as const), ms: fc.integer({ min: 0, max: 90_000 }) }),
    fc.record({ kind: fc.constant("outcome" as const), failed: fc.boolean() }),
    fc.record({ kind: fc.constant("lease" as const) }),
    fc.record({ kind: fc.constant("end" as const), outcome: fc.constantFrom("succeeded", "failed", "unknown") }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let breaker = closedBreaker;
      let nowMs = 0;
      let live: { id: string; untilMs: number } | null = null;
      for (const [index, next] of steps.entries()) {
        if (next.kind === "time") nowMs += next.ms;
        if (next.kind === "outcome")
          breaker = observe(breaker, { failed: next.failed ? 1 : 0, succeeded: next.failed ? 0 : 1 }, nowMs, policy);
        if (next.kind === "lease") {
          const leased = leaseProbe(breaker, String(index), nowMs, policy);
          if (leased === null) continue;
          expect(breaker.open === null || nowMs < breaker.open.untilMs).toBe(false);
          expect(live === null || nowMs >= live.untilMs).toBe(true);
          live = { id: String(index), untilMs: nowMs + policy.probeMs };
          breaker = leased;
        }
        if (next.kind === "end" && live !== null) {
          breaker = endProbe(breaker, { id: live.id, outcome: next.outcome }, nowMs, policy);
          live = null;
        }
        expect(breaker.open?.cooldownMs ?? 0).toBeLessThanOrEqual(policy.maxCooldownMs);
      }
    }),
  );
});
