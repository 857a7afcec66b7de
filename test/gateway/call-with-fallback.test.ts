import { describe, expect, it } from "vitest";
import { AppError, type AppErrorDetail, type ErrorCode } from "../../src/core/errors.ts";
import { callWithFallback, type Attempt } from "../../src/gateway/call-with-fallback.ts";
import type { Candidate, RoutePlan } from "../../src/gateway/choose-route.ts";
import { defaultBreakerPolicy } from "../../src/gateway/breaker.ts";
import type { Hold } from "../../src/gateway/hold.ts";
import { createUpstreams, outcomeOf, type Upstreams } from "../../src/gateway/upstreams.ts";

function candidate(id: string): Candidate {
  return {
    card: {
      id,
      provider: "test",
      name: id,
      kind: "chat",
      tier: "fast",
      contextWindow: 1000,
      maxOutputTokens: 100,
      capabilities: [],
      price: null,
      staysAtEdge: true,
    },
    maxOutputTokens: 100,
    boundMicros: 10,
    leastBoundMicros: 1,
  };
}

const failure = (code: ErrorCode, detail: AppErrorDetail = {}) =>
  new AppError(code, code, { retryable: true, ...detail });

interface PlayOptions {
  budget?: number;
  timeoutMs?: number;
  upstreams?: Upstreams;
  /** Context windows by model; 1,000 tokens by default. */
  windows?: Record<string, number>;
}

const startMs = 1_790_000_000_000;

/** Plays a script of outcomes, one an attempt; records waits and bounds. Time passes only while it waits. */
async function play(models: string[], script: ("ok" | AppError)[], options: PlayOptions = {}) {
  const { budget = Infinity, timeoutMs, upstreams, windows = {} } = options;
  const [first, ...rest] = models.map((id) => {
    const made = candidate(id);
    return { ...made, card: { ...made.card, contextWindow: windows[id] ?? 1_000 } };
  });
  if (first === undefined) throw new Error("a plan has a candidate");
  const plan: RoutePlan = { tier: "fast", candidates: [first, ...rest], reason: "test", score: null, threshold: null };
  const attempts: Attempt[] = [];
  const waits: number[] = [];
  const bounds: number[] = [];
  let nowMs = startMs;
  const hold = {
    costMicros: 0,
    bound: { costMicros: 10, tokens: 100 },
    rebound: async ({ costMicros }: { costMicros: number }) => {
      if (bounds.length >= budget) throw new AppError("budget_exceeded", "spent");
      bounds.push(costMicros);
    },
  };
  const outcome = await callWithFallback({
    plan,
    // The three members that a fallback uses.
    hold: hold as unknown as Hold,
    promptBound: 1,
    attempts,
    signal: new AbortController().signal,
    wait: async (delayMs) => {
      waits.push(delayMs);
      nowMs += delayMs;
    },
    random: () => 0.5,
    clock: () => nowMs,
    ...(timeoutMs === undefined ? {} : { deadlineMs: startMs + timeoutMs }),
    ...(upstreams === undefined ? {} : { upstreams }),
    attempt: async (_candidate, permit) => {
      const next = script.shift();
      if (next === undefined) throw new Error("more attempts than the script has");
      permit.end(
        outcomeOf(next === "ok" ? "ok" : next.code, {
          limit: null,
          hasOwnDeadline: false,
          elapsedMs: 0,
          totalTimeoutMs: 60_000,
        }),
      );
      if (next !== "ok") throw next;
      return "answer";
    },
  }).then(
    ({ candidate: answered }) => answered.card.id,
    (cause: unknown) => (cause instanceof AppError ? `${cause.code} ${cause.retryAfterMs ?? ""}`.trim() : cause),
  );
  return { outcome, attempts: attempts.map((attempt) => `${attempt.model} ${attempt.outcome}`), waits, bounds };
}

/** An isolate of its own, at a standstill in time. */
function isolate(nowMs: () => number = () => startMs): Upstreams {
  return createUpstreams({
    clock: nowMs,
    policy: defaultBreakerPolicy,
    // Out of reach: an isolate has its own view then.
    sharedOf: () => ({
      sync: () => Promise.reject(new Error("unreachable")),
      leaseProbe: () => Promise.reject(new Error("unreachable")),
      endProbe: () => Promise.reject(new Error("unreachable")),
    }),
    wait: () => Promise.resolve(),
  });
}

describe("a fallback chain", () => {
  it("asks the first once when it answers", async () => {
    expect(await play(["a", "b"], ["ok"])).toEqual({ outcome: "a", attempts: ["a ok"], waits: [], bounds: [] });
  });

  it("retries a server error once, then turns to the next", async () => {
    const { outcome, attempts, waits } = await play(
      ["a", "b"],
      [failure("upstream_error"), failure("upstream_error"), "ok"],
    );
    expect(outcome).toBe("b");
    expect(attempts).toEqual(["a upstream_error", "a upstream_error", "b ok"]);
    expect(waits).toEqual([100]);
  });

  it("raises the hold before every further attempt", async () => {
    expect((await play(["a", "b"], [failure("upstream_timeout"), "ok"])).bounds).toEqual([10]);
  });

  it("waits as long as a rate-limited provider asks, when that is short", async () => {
    const { attempts, waits } = await play(["a", "b"], [failure("upstream_rate_limited", { retryAfterMs: 700 }), "ok"]);
    expect(attempts).toEqual(["a upstream_rate_limited", "a ok"]);
    // And a little longer, so that those who were refused together do not come back together.
    expect(waits).toEqual([750]);
  });

  it("passes over a provider that asks for more patience", async () => {
    const { attempts, waits } = await play(
      ["a", "b"],
      [failure("upstream_rate_limited", { retryAfterMs: 60_000 }), "ok"],
    );
    expect(attempts).toEqual(["a upstream_rate_limited", "b ok"]);
    expect(waits).toEqual([]);
  });

  it.each(["upstream_rejected", "upstream_content_filter", "upstream_auth"] as const)(
    "lets %s through untouched",
    async (code) => {
      const { outcome, attempts } = await play(["a", "b"], [failure(code, { retryable: false })]);
      expect(outcome).toBe(code);
      expect(attempts).toHaveLength(1);
    },
  );

  it("makes at most four attempts in all", async () => {
    const { attempts } = await play(
      ["a", "b", "c", "d"],
      Array.from({ length: 4 }, () => failure("upstream_error")),
    );
    expect(attempts).toHaveLength(4);
  });

  it("ends with what tells the caller what to do", async () => {
    const { outcome } = await play(["a", "b"], [failure("model_unavailable"), failure("upstream_timeout")]);
    expect(outcome).toBe("model_unavailable");
  });

  it("ends with the provider's failure when the budget covers no fallback", async () => {
    const { outcome, attempts } = await play(["a", "b"], [failure("upstream_timeout"), "ok"], { budget: 0 });
    expect(outcome).toBe("upstream_timeout");
    expect(attempts).toHaveLength(1);
  });
});

describe("a deadline", () => {
  it("is never waited past", async () => {
    const limited = failure("upstream_rate_limited", { retryAfterMs: 1_500 });
    expect(await play(["a"], [limited], { timeoutMs: 1_400 })).toMatchObject({
      outcome: "upstream_rate_limited 1500",
      waits: [],
    });
  });

  it("that has passed begins no attempt", async () => {
    expect(await play(["a"], [], { timeoutMs: 0 })).toMatchObject({ outcome: "upstream_timeout", attempts: [] });
  });

  it("leaves room to wait for the only model as long as its provider asks", async () => {
    const limited = failure("upstream_rate_limited", { retryAfterMs: 20_000 });
    expect(await play(["a"], [limited, "ok"], { timeoutMs: 60_000 })).toMatchObject({ outcome: "a", waits: [20_050] });
  });
});

describe("a request that is too long", () => {
  it("goes on to a larger window only", async () => {
    const { outcome, attempts } = await play(["a", "b", "c"], [failure("context_length_exceeded"), "ok"], {
      windows: { c: 2_000 },
    });
    expect(outcome).toBe("c");
    expect(attempts).toEqual(["a context_length_exceeded", "c ok"]);
  });
});

describe("an outage", () => {
  const down = () => Array.from({ length: 4 }, () => failure("upstream_error"));

  it("of 15 requests costs the five attempts that it takes to see it", async () => {
    const upstreams = isolate();
    const asked: string[] = [];
    const outcomes: unknown[] = [];
    for (let request = 0; request < 15; request++) {
      const { attempts, outcome } = await play(["a"], down(), { upstreams, timeoutMs: 60_000 });
      asked.push(...attempts);
      outcomes.push(outcome);
    }
    expect(asked).toHaveLength(5);
    expect(outcomes.slice(0, 3)).toEqual(["upstream_error", "upstream_error", "upstream_error"]);
    expect(new Set(outcomes.slice(3))).toEqual(new Set(["model_unavailable 5000"]));
  });

  it("is passed over for a model that is up", async () => {
    const upstreams = isolate();
    for (let request = 0; request < 3; request++) await play(["a"], down(), { upstreams });
    expect(await play(["a", "b"], ["ok"], { upstreams })).toMatchObject({ outcome: "b", attempts: ["b ok"] });
  });

  it("ends with one probe that succeeds, without a retry when it fails", async () => {
    let nowMs = startMs;
    const upstreams = isolate(() => nowMs);
    for (let request = 0; request < 3; request++) await play(["a"], down(), { upstreams });
    nowMs += 5_000;
    expect(await play(["a", "b"], [failure("upstream_error"), "ok"], { upstreams })).toMatchObject({
      attempts: ["a upstream_error", "b ok"],
    });
    expect(await play(["a"], [], { upstreams })).toMatchObject({ outcome: "model_unavailable 10000" });
    nowMs += 10_000;
    expect(await play(["a"], ["ok"], { upstreams })).toMatchObject({ outcome: "a" });
    expect(upstreams.readinessOf("a", 1)).toEqual({ ready: true });
  });
});

describe("a provider's own limit", () => {
  it("is respected before its 429 when another model can serve", async () => {
    const upstreams = isolate();
    upstreams.noteLimits("a", [{ kind: "requests", remaining: 0, resetMs: 60_000 }]);
    expect(await play(["a", "b"], ["ok"], { upstreams })).toMatchObject({
      outcome: "b",
      attempts: ["b ok"],
      waits: [],
    });
  });

  it("counts down with every call until the next headers", async () => {
    const upstreams = isolate();
    upstreams.noteLimits("a", [{ kind: "requests", remaining: 1, resetMs: 60_000 }]);
    expect(await play(["a", "b"], ["ok"], { upstreams })).toMatchObject({ outcome: "a" });
    expect(await play(["a", "b"], ["ok"], { upstreams })).toMatchObject({ outcome: "b" });
  });

  it("is waited for where nobody else can serve", async () => {
    const upstreams = isolate();
    upstreams.noteLimits("a", [{ kind: "tokens", remaining: 0, resetMs: 900 }]);
    expect(await play(["a"], ["ok"], { upstreams, timeoutMs: 5_000 })).toMatchObject({ outcome: "a", waits: [950] });
  });

  it("that only a forecast sees past the deadline is left to the provider to enforce", async () => {
    const upstreams = isolate();
    upstreams.noteLimits("a", [{ kind: "tokens", remaining: 0, resetMs: 360_000 }]);
    expect(await play(["a"], ["ok"], { upstreams, timeoutMs: 5_000 })).toMatchObject({ outcome: "a" });
  });

  it("that it refused a call for is told on without asking again", async () => {
    const upstreams = isolate();
    upstreams.noteRefusal("a", 40_000);
    expect(await play(["a"], [], { upstreams, timeoutMs: 5_000 })).toMatchObject({
      outcome: "upstream_rate_limited 40000",
      attempts: [],
    });
  });
});
