import { describe, expect, it } from "vitest";
import { readLimits, readReset } from "../../../src/providers/openai-compatible/read-limits.ts";

const nowMs = 1_790_000_000_000;

it("reads what is left of requests and tokens", () => {
  const headers = new Headers({
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-tokens": "6m0s",
  });
  expect(readLimits(headers, nowMs)).toEqual([
    { kind: "requests", remaining: 59, resetMs: 1_000 },
    { kind: "tokens", remaining: 0, resetMs: 360_000 },
  ]);
});

it.each([
  ["no headers", {}],
  ["no reset", { "x-ratelimit-remaining-requests": "0" }],
  ["no number", { "x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "1s" }],
])("reads nothing from %s", (_what, headers) => {
  expect(readLimits(new Headers(headers), nowMs)).toEqual([]);
});

describe("a reset", () => {
  it.each<[string, number | null]>([
    ["17ms", 17],
    ["6m0s", 360_000],
    ["2m59.56s", 179_560],
    ["1h2m3.5s", 3_723_500],
    ["1d", 86_400_000],
    ["7.66", 7_660],
    ["1790000005", 5_000],
    ["1790000005000", 5_000],
    ["1789999999", 0],
    ["soon", null],
    ["6m0", null],
    ["", null],
  ])("of %s is %s ms away", (text, resetMs) => {
    expect(readReset(text, nowMs)).toBe(resetMs);
  });
});
