import { describe, expect, it } from "vitest";
import { AppError, type AppErrorDetail, type ErrorCode } from "../../src/core/errors.ts";
import { callWithFallback, type Attempt } from "../../src/gateway/call-with-fallback.ts";
import type { Candidate, RoutePlan } from "../../src/gateway/choose-route.ts";
import type { Hold } from "../../src/gateway/hold.ts";

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
  };
}

const failure = (code: ErrorCode, detail: AppErrorDetail = {}) =>
  new AppError(code, code, { retryable: true, ...detail });

/** Plays a script of outcomes, one an attempt; records waits and bounds. */
async function play(models: string[], script: ("ok" | AppError)[], { budget = Infinity } = {}) {
  const [first, ...rest] = models.map(candidate);
  if (first === undefined) throw new Error("a plan has a candidate");
  const plan: RoutePlan = { tier: "fast", candidates: [first, ...rest], reason: "test" };
  const attempts: Attempt[] = [];
  const waits: number[] = [];
  const bounds: number[] = [];
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
    wait: async (delayMs) => void waits.push(delayMs),
    random: () => 0.5,
    attempt: async () => {
      const next = script.shift();
      if (next === undefined) throw new Error("more attempts than the script has");
      if (next !== "ok") throw next;
      return "answer";
    },
  }).then(
    ({ candidate: answered }) => answered.card.id,
    (cause: unknown) => (cause instanceof AppError ? cause.code : cause),
  );
  return { outcome, attempts: attempts.map((attempt) => `${attempt.model} ${attempt.outcome}`), waits, bounds };
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
    expect(waits).toEqual([700]);
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
