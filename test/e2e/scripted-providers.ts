import { faultModels } from "../bench/faults/scenarios.ts";

/** $1 and $10 per million tokens: 1 and 10 micro-USD a token. */
const price = { inputUsdPerMillion: 1, outputUsdPerMillion: 10 };
const capabilities = ["tools", "json_schema", "logprobs"];
const size = { contextWindow: 100_000, maxOutputTokens: 10_000 };

const behaviours = [
  "ok",
  "echo",
  "slow-50",
  "slow-500",
  "usage-0-100",
  "usage-0-50",
  "429-retry-after-1",
  "429-once",
  "429",
  "500",
  "500-once",
  "503",
  "400",
  "400-context",
  "400-content-filter",
  "401",
  "html",
  "hang",
  "stall",
  "cut-mid-stream",
  "no-done",
  "no-finish",
  "half-frame",
  "malformed-chunk",
  "empty-stream",
  "stream-error-event",
  "tool-call",
  "parallel-tool-calls",
  "json",
  "json-wrong",
  "json-wrong-first",
  "json-with-card",
  "tool-then-answer",
  "tool-call-wrong",
  "tool-call-wrong-first",
  "think",
  "think-card",
  "logprobs",
  "cite-source",
  "cite-and-invent",
  "leak-card",
  "leak-secret",
  "long-20",
  "long-100",
  "long-200",
  "no-usage",
  "cached",
];

/** PARAPET_PROVIDERS for the scripted provider: every behaviour as a model of `scripted/`, and `chain/` for fallbacks. */
export function scriptedProviders(url: string) {
  const base = { baseUrl: `${url}/v1`, apiKeySecret: "SCRIPTED_KEY" };
  return [
    {
      ...base,
      name: "scripted",
      models: [
        ...behaviours.map((name) => ({ name, ...size, capabilities, price })),
        ...faultModels(),
        { name: "unpriced", ...size, price: null },
        // Free prompts, so that a test can make the cost equal to its bound: 10 micro-USD a generated token.
        { name: "usage-0-100~free-input", ...size, price: { inputUsdPerMillion: 0, outputUsdPerMillion: 10 } },
        { name: "usage-0-50~free-input", ...size, price: { inputUsdPerMillion: 0, outputUsdPerMillion: 10 } },
        { name: "long-200~free-input", ...size, price: { inputUsdPerMillion: 0, outputUsdPerMillion: 10 } },
        {
          name: "embed",
          kind: "embedding",
          contextWindow: 8_000,
          maxOutputTokens: 0,
          price: { inputUsdPerMillion: 1 },
        },
      ],
    },
    {
      ...base,
      name: "chain",
      models: [
        { name: "500~chain", tier: "reasoning", ...size, capabilities, price },
        { name: "ok~chain", tier: "standard", ...size, capabilities, price },
      ],
    },
  ];
}
