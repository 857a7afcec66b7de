import { sixtyText } from "../../support/scripts.ts";

/** How a scenario must end. `attempts` are the outcomes in the order in which models were asked. */
export type Expectation =
  | { kind: "answer"; model: string; text: string; attempts: string[]; usage?: { input: number; output: number } }
  | { kind: "error"; status: number; code: string; asked: number };

export interface Scenario {
  id: string;
  what: string;
  /** Names of `scripted/` models: the one that is asked, and its fallbacks. Each scenario has its own, and so its own breakers. */
  models: [string, ...string[]];
  stream: boolean;
  expected: Expectation;
}

const greeting = "Hello from the scripted provider.";
const price = { inputUsdPerMillion: 1, outputUsdPerMillion: 10 };
const size = { maxOutputTokens: 10_000, price };

const answer = (model: string, text: string, attempts: string[]): Expectation => ({
  kind: "answer",
  model,
  text,
  attempts,
});

/**
 * The faults of failoverbench (its 60 s flap is `flap.ts`). Times are scaled to a deployment whose patience is 1.5 s for headers,
 * first token and silence, and 5 s in all: what waits for 20, 30 or 120 s there waits for longer than that here.
 */
export const scenarios: Scenario[] = [
  {
    id: "S01",
    what: "429 with retry-after, once",
    models: ["429-retry-after-1-once~s01"],
    stream: true,
    expected: answer("429-retry-after-1-once~s01", greeting, ["upstream_rate_limited", "ok"]),
  },
  {
    id: "S02",
    what: "429 for ever",
    models: ["429~s02", "sixty~s02"],
    stream: true,
    expected: answer("sixty~s02", sixtyText, ["upstream_rate_limited", "ok"]),
  },
  {
    id: "S03",
    what: "500 once",
    models: ["500-once~s03"],
    stream: true,
    expected: answer("500-once~s03", greeting, ["upstream_error", "ok"]),
  },
  {
    id: "S04",
    what: "503 for ever",
    models: ["503~s04", "sixty~s04"],
    stream: true,
    expected: answer("sixty~s04", sixtyText, ["upstream_error", "upstream_error", "ok"]),
  },
  {
    id: "S05",
    what: "connection reset",
    models: ["reset~s05", "sixty~s05"],
    stream: true,
    expected: answer("sixty~s05", sixtyText, ["upstream_error", "upstream_error", "ok"]),
  },
  {
    id: "S06",
    what: "silence instead of an answer",
    models: ["hang~s06", "sixty~s06"],
    stream: true,
    expected: answer("sixty~s06", sixtyText, ["upstream_timeout", "ok"]),
  },
  {
    id: "S07",
    what: "first token too late",
    models: ["first-token-4000~s07", "sixty~s07"],
    stream: true,
    expected: answer("sixty~s07", sixtyText, ["upstream_timeout", "ok"]),
  },
  {
    id: "S08",
    what: "cut at 40 of 60 tokens",
    models: ["cut-at-40~s08", "sixty~s08"],
    stream: true,
    expected: answer("sixty~s08", sixtyText, ["upstream_error", "ok"]),
  },
  {
    id: "S09",
    what: "stall in the middle",
    models: ["stall-at-40~s09", "sixty~s09"],
    stream: true,
    expected: answer("sixty~s09", sixtyText, ["upstream_timeout", "ok"]),
  },
  {
    id: "S10",
    what: "malformed chunk in the middle",
    models: ["malformed-at-40~s10", "sixty~s10"],
    stream: true,
    expected: answer("sixty~s10", sixtyText, ["upstream_invalid_response", "ok"]),
  },
  {
    id: "S11",
    what: "no [DONE]",
    models: ["sixty-no-done~s11", "sixty~s11"],
    stream: true,
    expected: answer("sixty-no-done~s11", sixtyText, ["ok"]),
  },
  {
    id: "S12",
    what: "context_length 400, larger window behind",
    models: ["400-context~s12", "sixty~s12"],
    stream: true,
    expected: answer("sixty~s12", sixtyText, ["context_length_exceeded", "ok"]),
  },
  {
    id: "S13",
    what: "content_filter 400 propagates",
    models: ["400-content-filter~s13", "sixty~s13"],
    stream: true,
    expected: { kind: "error", status: 400, code: "upstream_content_filter", asked: 1 },
  },
  {
    id: "S14",
    what: "cut, and a fallback that rejects prefill",
    models: ["cut-at-40~s14", "sixty-no-prefill~s14"],
    stream: true,
    expected: answer("sixty-no-prefill~s14", sixtyText, ["upstream_error", "upstream_rejected", "ok"]),
  },
  {
    id: "S16",
    what: "model and usage of the fallback reported",
    models: ["500~s16", "usage-7-11~s16"],
    stream: false,
    expected: {
      kind: "answer",
      model: "usage-7-11~s16",
      text: greeting,
      attempts: ["upstream_error", "upstream_error", "ok"],
      usage: { input: 7, output: 11 },
    },
  },
];

/** The model that is down for a while, and the one that answers meanwhile. */
export const flap = { models: ["flap-2500~s15", "sixty~s15"], downMs: 2_500 } as const;

/** Healthy, slow, and every way to fail; `flaky` ones fail at random. */
export const chaosModels = [
  "sixty",
  "ok",
  "slow-50",
  "first-token-200",
  "usage-30-70",
  "flaky-30",
  "flaky-60",
  "429-retry-after-1",
  "500",
  "503",
  "reset",
  "hang",
  "cut-at-40",
  "stall-at-20",
  "malformed-at-30",
  "no-finish",
  "html",
  "empty-stream",
  "400-context",
  "400-content-filter",
  "stream-error-event",
  "half-frame",
].map((name) => `${name}~chaos`);

/** The scenarios' models for PARAPET_PROVIDERS. S08's and S14's fallbacks continue a prefill, or so their settings say. */
export function faultModels(): object[] {
  const names = [...scenarios.flatMap(({ models }) => models), ...flap.models, ...chaosModels];
  return names.map((name) => ({
    ...size,
    name,
    contextWindow: name.startsWith("400-context") ? 50_000 : 100_000,
    prefill: ["sixty~s08", "sixty-no-prefill~s14", "sixty~chaos"].includes(name),
  }));
}
