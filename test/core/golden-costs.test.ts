import { describe, expect, it } from "vitest";
import classicStream from "../fixtures/providers/workers-ai/classic.sse?raw";
import workersWhole from "../fixtures/providers/workers-ai/chat-completion.json";
import geminiStream from "../fixtures/providers/google/stream-signature.sse?raw";
import openaiStream from "../fixtures/providers/openai/stream-tool-call.sse?raw";
import { priceOf, upperBoundOf, type TokenPrice, type TokenUsage } from "../../src/core/money.ts";
import { toTokenUsage as fromAnthropic } from "../../src/providers/anthropic/wire.ts";
import { createEventDecoder } from "../../src/providers/event-stream.ts";
import { createEventReader as createGeminiReader } from "../../src/providers/google/event-reader.ts";
import { toTokenUsage as fromGemini } from "../../src/providers/google/wire.ts";
import { priceIn, type ReadPrice } from "../../src/providers/make-card.ts";
import { createChunkReader } from "../../src/providers/openai-compatible/chunk-reader.ts";
import { toTokenUsage as fromOpenAI } from "../../src/providers/openai-compatible/wire.ts";
import type { PartReader } from "../../src/providers/read-parts.ts";
import { createEventReader as createWorkersReader } from "../../src/providers/workers-ai/event-reader.ts";

/** Bills that other gateways got wrong: a provider's usage, as it sends it, against what the provider charges for it. */

const usd = (price: Omit<ReadPrice, "source">): TokenPrice => priceIn({ ...price, source: "golden 2026-11-21" });

const claude37Sonnet = usd({ input: 3, cached: 0.3, cacheWrite: 3.75, longCacheWrite: 6, output: 15 });
const claudeOnBedrock = usd({ input: 3.3, cached: 0.33, cacheWrite: 4.125, output: 16.5 });
const claudeHaiku35 = usd({ input: 0.8, cached: 0.08, cacheWrite: 1, output: 4 });
const gpt4o = usd({ input: 2.5, cached: 1.25, output: 10 });
const gpt54Mini = usd({ input: 0.75, cached: 0.075, output: 4.5 });
const gpt6Sol = usd({
  input: 2,
  cached: 0.2,
  cacheWrite: 2.5,
  output: 10,
  above: { inputTokens: 272_000, input: 4, cached: 0.4, cacheWrite: 5, output: 15 },
});
const gptAudio = usd({ input: 2.5, audio: 32, output: 10 });
const gemini25Pro = usd({
  input: 1.25,
  cached: 0.125,
  output: 10,
  above: { inputTokens: 200_000, input: 2.5, cached: 0.25, output: 15 },
});
const gemini25Flash = usd({ input: 0.3, cached: 0.03, audio: 1, output: 2.5 });
const gemini38Flash = usd({ input: 0.75, cached: 0.075, output: 3.75 });
const deepseek = usd({ input: 0.28, cached: 0.028, output: 0.42 });
const glm47Flash = usd({ input: 0.06, output: 0.4 });
const embedding3Small = usd({ input: 0.02, output: 0 });

interface Golden {
  name: string;
  usage: TokenUsage;
  price: TokenPrice;
  micros: number;
}

const cases: Golden[] = [
  {
    // Charged as prompt and as cache write: $0.091311 for a bill of $0.05439.
    name: "cache writes are charged once (BerriAI/litellm 9812)",
    usage: fromAnthropic({
      input_tokens: 3,
      cache_creation_input_tokens: 12_304,
      cache_read_input_tokens: 0,
      output_tokens: 550,
    }),
    price: claude37Sonnet,
    // 3 × 3 + 12,304 × 3.75 + 550 × 15
    micros: 9 + 46_140 + 8_250,
  },
  {
    // Charged $0 for what had a price: the true bill is $0.026769.
    name: "cache reads and writes are not free (BerriAI/litellm 29145)",
    usage: fromAnthropic({
      input_tokens: 1,
      cache_creation_input_tokens: 1_190,
      cache_read_input_tokens: 32_634,
      output_tokens: 672,
    }),
    price: claudeOnBedrock,
    // 1 × 3.3 + 1,190 × 4.125 + 32,634 × 0.33 + 672 × 16.5 = 26,769.27
    micros: 26_769,
  },
  {
    name: "a cache rate that is not known is the input's, never 0 (BerriAI/litellm 29145)",
    usage: fromAnthropic({
      input_tokens: 1,
      cache_creation_input_tokens: 1_190,
      cache_read_input_tokens: 32_634,
      output_tokens: 672,
    }),
    price: usd({ input: 3.3, output: 16.5 }),
    // (1 + 1,190 + 32,634) × 3.3 + 672 × 16.5 = 122,710.5
    micros: 122_711,
  },
  {
    // Seven times too much: a stream's cache reads charged as input.
    name: "cache reads cost the same in a stream (BerriAI/litellm 11789)",
    usage: fromAnthropic({ input_tokens: 4, cache_read_input_tokens: 2_455, output_tokens: 23 }),
    price: claudeHaiku35,
    // 4 × 0.8 + 2,455 × 0.08 + 23 × 4 = 291.6
    micros: 292,
  },
  {
    // The breakdown by lifetime covers the first iteration only (31,490 of them): 20 to 60 % were missing.
    name: "cache writes outside their breakdown are charged too (BerriAI/litellm 42663)",
    usage: fromAnthropic({
      input_tokens: 123_201,
      cache_read_input_tokens: 426_653,
      cache_creation_input_tokens: 184_457,
      cache_creation: { ephemeral_1h_input_tokens: 0 },
      output_tokens: 0,
    }),
    price: claude37Sonnet,
    // 123,201 × 3 + 426,653 × 0.3 + 184,457 × 3.75 = 369,603 + 127,995.9 + 691,713.75
    micros: 1_189_313,
  },
  {
    name: "writes for an hour have their own rate (BerriAI/litellm 31724)",
    usage: fromAnthropic({
      input_tokens: 15,
      cache_creation_input_tokens: 4_803,
      cache_creation: { ephemeral_1h_input_tokens: 4_803 },
      output_tokens: 47,
    }),
    price: claude37Sonnet,
    // 15 × 3 + 4,803 × 6 + 47 × 15
    micros: 45 + 28_818 + 705,
  },
  {
    // Cached tokens charged as prompt, and again as cached.
    name: "cached tokens are part of the prompt (BerriAI/litellm 6215)",
    usage: fromOpenAI({
      prompt_tokens: 2_006,
      completion_tokens: 300,
      total_tokens: 2_306,
      prompt_tokens_details: { cached_tokens: 1_920 },
      completion_tokens_details: { reasoning_tokens: 0 },
    }),
    price: gpt4o,
    // 86 × 2.5 + 1,920 × 1.25 + 300 × 10
    micros: 215 + 2_400 + 3_000,
  },
  {
    name: "a cold call (cloudflare/ai 550)",
    usage: fromOpenAI({ prompt_tokens: 2_422, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 0 } }),
    price: gpt54Mini,
    // 2,422 × 0.75 + 4 × 4.5 = 1,834.5, half up
    micros: 1_835,
  },
  {
    // Billed $0.0020073: more than the cold call.
    name: "a hot call costs less than the cold one (cloudflare/ai 550)",
    usage: fromOpenAI({ prompt_tokens: 2_422, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 2_304 } }),
    price: gpt54Mini,
    // 118 × 0.75 + 2,304 × 0.075 + 4 × 4.5 = 279.3
    micros: 279,
  },
  {
    // $0.7642 charged: cache hits counted twice, in the dearer tier.
    name: "cached tokens past a threshold (BerriAI/litellm 14849)",
    usage: fromGemini({
      promptTokenCount: 262_960,
      cachedContentTokenCount: 257_955,
      candidatesTokenCount: 1_744,
    }),
    price: gemini25Pro,
    // 5,005 × 2.5 + 257,955 × 0.25 + 1,744 × 15 = 12,512.5 + 64,488.75 + 26,160
    micros: 103_161,
  },
  {
    // Left out of the bill by langfuse 16321 and others; a 20-fold difference here.
    name: "Gemini's thoughts are output beside the answer",
    usage: fromGemini({ promptTokenCount: 7, candidatesTokenCount: 2, thoughtsTokenCount: 94 }),
    price: gemini38Flash,
    // 7 × 0.75 + 96 × 3.75 = 365.25
    micros: 365,
  },
  {
    name: "Gemini's audio has its own rate",
    usage: fromGemini({
      promptTokenCount: 1_000,
      candidatesTokenCount: 20,
      promptTokensDetails: [
        { modality: "TEXT", tokenCount: 40 },
        { modality: "AUDIO", tokenCount: 960 },
      ],
    }),
    price: gemini25Flash,
    // 40 × 0.3 + 960 × 1 + 20 × 2.5
    micros: 12 + 960 + 50,
  },
  {
    name: "OpenAI's audio has its own rate",
    usage: fromOpenAI({
      prompt_tokens: 1_000,
      completion_tokens: 20,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 900 },
    }),
    price: gptAudio,
    // 100 × 2.5 + 900 × 32 + 20 × 10
    micros: 250 + 28_800 + 200,
  },
  {
    name: "reasoning is output already (OpenAI)",
    usage: fromOpenAI({
      prompt_tokens: 100,
      completion_tokens: 1_000,
      total_tokens: 1_100,
      completion_tokens_details: { reasoning_tokens: 900 },
    }),
    price: gpt6Sol,
    // 100 × 2 + 1,000 × 10
    micros: 200 + 10_000,
  },
  {
    name: "reasoning beside the answer, as the total shows (other servers)",
    usage: fromOpenAI({
      prompt_tokens: 100,
      completion_tokens: 100,
      total_tokens: 1_100,
      completion_tokens_details: { reasoning_tokens: 900 },
    }),
    price: gpt6Sol,
    micros: 200 + 10_000,
  },
  {
    name: "a prompt at the threshold is still at the lower rates",
    usage: fromOpenAI({ prompt_tokens: 272_000, completion_tokens: 0 }),
    price: gpt6Sol,
    micros: 544_000,
  },
  {
    name: "past it the whole request has the higher ones, answer included",
    usage: fromOpenAI({
      prompt_tokens: 300_000,
      completion_tokens: 1_000,
      prompt_tokens_details: { cached_tokens: 100_000, cache_write_tokens: 50_000 },
    }),
    price: gpt6Sol,
    // 150,000 × 4 + 100,000 × 0.4 + 50,000 × 5 + 1,000 × 15
    micros: 600_000 + 40_000 + 250_000 + 15_000,
  },
  {
    name: "DeepSeek's cache hits under their own name",
    usage: fromOpenAI({ prompt_tokens: 10_000, completion_tokens: 500, prompt_cache_hit_tokens: 8_000 }),
    price: deepseek,
    // 2,000 × 0.28 + 8,000 × 0.028 + 500 × 0.42
    micros: 560 + 224 + 210,
  },
  {
    name: "Workers AI counts as OpenAI does",
    usage: fromOpenAI(workersWhole.usage),
    price: glm47Flash,
    // 14 × 0.06 + 9 × 0.4 = 4.44
    micros: 4,
  },
  {
    name: "embeddings have no output",
    usage: fromOpenAI({ prompt_tokens: 8, completion_tokens: 0, total_tokens: 8 }),
    price: embedding3Small,
    // 8 × 0.02 = 0.16: rounded once a call
    micros: 0,
  },
];

describe("golden costs", () => {
  it.each(cases)("$name: $micros micro-USD", ({ usage, price, micros }) => {
    expect(priceOf(usage, price)).toBe(micros);
  });

  it.each(cases)("$name: is inside its bound", ({ usage, price, micros }) => {
    const bound = upperBoundOf({ input: usage.inputTokens, output: usage.outputTokens }, price);
    expect(bound).toBeGreaterThanOrEqual(micros);
  });
});

function usageOfStream(events: string, reader: PartReader): TokenUsage {
  const parts = createEventDecoder()
    .push(new TextEncoder().encode(events))
    .flatMap((event) => (reader.isDone() ? [] : reader.read(event)));
  const last = [...parts, ...reader.end()].at(-1);
  if (last?.type !== "usage") throw new Error("the stream has no usage");
  return last.usage;
}

const fail = () => new Error("unexpected");

describe("a stream is charged (cloudflare/ai 470: streams were not counted)", () => {
  it.each([
    {
      name: "OpenAI: a chunk of its own at the end",
      usage: usageOfStream(openaiStream, createChunkReader({ provider: "p", model: "m", onError: fail })),
      price: gpt4o,
      // 62 × 2.5 + 16 × 10
      micros: 155 + 160,
    },
    {
      name: "Workers AI: an event of its own before the end",
      usage: usageOfStream(
        classicStream,
        createWorkersReader({ provider: "p", model: "m", maxTokens: null, nowMs: () => 0 }),
      ),
      price: usd({ input: 0.293, output: 2.253 }),
      // 26 × 0.293 + 3 × 2.253 = 14.377
      micros: 14,
    },
    {
      name: "Gemini: on every chunk, of which the last counts",
      usage: usageOfStream(
        geminiStream,
        createGeminiReader({ provider: "p", model: "m", withSignature: false, onError: fail }),
      ),
      price: gemini38Flash,
      micros: 365,
    },
  ])("$name", ({ usage, price, micros }) => {
    expect(priceOf(usage, price)).toBe(micros);
  });
});

describe("the bound of a price with a threshold", () => {
  const tokensAround = [0, 1, 271_999, 272_000, 272_001, 400_000];
  it.each(tokensAround)("covers every prompt up to %i tokens", (bound) => {
    const limit = upperBoundOf({ input: bound, output: 1_000 }, gpt6Sol);
    for (const input of tokensAround.filter((tokens) => tokens <= bound)) {
      for (const written of [0, input]) {
        const usage = { inputTokens: input, cachedInputTokens: 0, cacheWriteInputTokens: written };
        const cost = priceOf({ ...usage, outputTokens: 1_000, reasoningTokens: 0, estimated: false }, gpt6Sol);
        expect(cost).toBeLessThanOrEqual(limit);
      }
    }
  });

  it("is not above the dearest call", () => {
    // 272,000 × 2.5 + 1,000 × 10; past the threshold 300,000 × 5 + 1,000 × 15.
    expect(upperBoundOf({ input: 272_000, output: 1_000 }, gpt6Sol)).toBe(680_000 + 10_000);
    expect(upperBoundOf({ input: 300_000, output: 1_000 }, gpt6Sol)).toBe(1_500_000 + 15_000);
  });

  it("covers a cheaper rate past the threshold too", () => {
    const cheaper = usd({ input: 2, output: 10, above: { inputTokens: 100, input: 0.1, output: 1 } });
    const bound = upperBoundOf({ input: 101, output: 10 }, cheaper);
    const usage = { inputTokens: 100, cachedInputTokens: 0, outputTokens: 10, reasoningTokens: 0, estimated: false };
    expect(priceOf(usage, cheaper)).toBeLessThanOrEqual(bound);
  });
});
