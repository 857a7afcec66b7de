import { describe, expect, it } from "vitest";
import type { Limits } from "../../src/core/meter.ts";
import { decideAdmission, decideTopUp, type MeterState } from "../../src/objects/decide-admission.ts";

const noon = Date.UTC(2026, 10, 21, 12);
const unlimited: Limits = {
  requestsPerMinute: null,
  tokensPerMinute: null,
  dailyBudgetMicros: null,
  monthlyBudgetMicros: null,
};
const idle: MeterState = {
  nowMs: noon,
  recent: [],
  recentTokens: 0,
  spentTodayMicros: 0,
  spentThisMonthMicros: 0,
  reservedMicros: 0,
};
const bound = { costMicros: 100, tokens: 50 };

describe("request limits", () => {
  const limits = { ...unlimited, requestsPerMinute: 2 };

  it("admits up to the limit in any minute", () => {
    expect(decideAdmission({ ...idle, recent: [{ atMs: noon - 1000, tokens: 1 }] }, bound, limits)).toEqual({
      admitted: true,
    });
  });

  it("refuses one more, until the oldest that counts leaves the window", () => {
    const recent = [noon - 50_000, noon - 40_000, noon - 30_000].map((atMs) => ({ atMs, tokens: 1 }));
    const decision = decideAdmission({ ...idle, recent }, bound, limits);
    expect(decision).toMatchObject({
      admitted: false,
      refusal: { code: "rate_limited", limit: "requests_per_minute", retryAfterMs: 20_000 },
    });
  });

  it("admits nothing at a limit of zero", () => {
    expect(decideAdmission(idle, bound, { ...unlimited, requestsPerMinute: 0 })).toMatchObject({ admitted: false });
  });
});

describe("token limits", () => {
  const limits = { ...unlimited, tokensPerMinute: 100 };

  it("waits for as many tokens to leave the window as are needed", () => {
    const recent = [
      { atMs: noon - 50_000, tokens: 10 },
      { atMs: noon - 20_000, tokens: 60 },
    ];
    const decision = decideAdmission({ ...idle, recent, recentTokens: 70 }, bound, limits);
    expect(decision).toMatchObject({ admitted: false, refusal: { limit: "tokens_per_minute", retryAfterMs: 40_000 } });
  });

  it("says at once that a request larger than the limit can never be admitted", () => {
    const decision = decideAdmission(idle, { ...bound, tokens: 101 }, limits);
    expect(decision).toMatchObject({ admitted: false, refusal: { code: "rate_limited", retryAfterMs: null } });
  });
});

describe("budgets", () => {
  const limits = { ...unlimited, dailyBudgetMicros: 1000, monthlyBudgetMicros: 5000 };

  it("admits what fits exactly", () => {
    expect(decideAdmission({ ...idle, spentTodayMicros: 900 }, bound, limits)).toEqual({ admitted: true });
  });

  it("refuses for the rest of the day once the day's budget is spent", () => {
    const decision = decideAdmission({ ...idle, spentTodayMicros: 901 }, bound, limits);
    expect(decision).toMatchObject({
      admitted: false,
      waits: false,
      refusal: { code: "budget_exceeded", limit: "daily_budget", retryAfterMs: 12 * 3_600_000 },
    });
  });

  it.each([
    { left: 50, leastCostMicros: 50, advises: true },
    { left: 50, leastCostMicros: 51, advises: false },
    { left: 50, leastCostMicros: undefined, advises: false },
  ])("advises a lower cap exactly where one would pass: $left left, $leastCostMicros needed at least", (row) => {
    const { left, leastCostMicros, advises } = row;
    const asked = leastCostMicros === undefined ? bound : { ...bound, leastCostMicros };
    const decision = decideAdmission({ ...idle, spentTodayMicros: 1000 - left }, asked, limits);
    const message = decision.admitted ? "" : decision.refusal.message;
    expect(message).toContain("50 left, up to 100 needed.");
    expect(message.endsWith(" A lower max_completion_tokens needs less.")).toBe(advises);
  });

  it("refuses for the rest of the month once the month's budget is spent", () => {
    const decision = decideAdmission({ ...idle, spentThisMonthMicros: 4950 }, bound, limits);
    expect(decision).toMatchObject({
      admitted: false,
      refusal: { limit: "monthly_budget", retryAfterMs: 9.5 * 86_400_000 },
    });
  });

  it("waits where only running requests' reservations are in the way", () => {
    const decision = decideAdmission({ ...idle, reservedMicros: 950 }, bound, limits);
    expect(decision).toMatchObject({
      admitted: false,
      waits: true,
      refusal: { code: "budget_reserved", retryAfterMs: 1000 },
    });
  });

  it("stops after an overdraft, even what is free", () => {
    const decision = decideAdmission({ ...idle, spentTodayMicros: 1001 }, { costMicros: 0, tokens: 0 }, limits);
    expect(decision).toMatchObject({ admitted: false, refusal: { code: "budget_exceeded" } });
  });

  it("asks no rate limit when a bound is raised", () => {
    const full = { ...idle, recent: [{ atMs: noon, tokens: 1 }] };
    expect(decideTopUp(full, 100, { ...limits, requestsPerMinute: 1 })).toEqual({ admitted: true });
    expect(decideTopUp({ ...full, spentTodayMicros: 950 }, 100, limits)).toMatchObject({ admitted: false });
  });
});
