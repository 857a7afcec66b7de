import { describe, expect, it } from "vitest";
import { chatRequest } from "../../src/core/chat.ts";
import { AppError } from "../../src/core/errors.ts";
import type { ModelCard, Tier } from "../../src/core/model.ts";
import { mayUse } from "../../src/core/refuse-disallowed.ts";
import { chooseRoute } from "../../src/gateway/choose-route.ts";

function card(id: string, tier: Tier | null, more: Partial<ModelCard> = {}): ModelCard {
  const perToken = tier === "fast" ? 100_000 : tier === "standard" ? 1_000_000 : 10_000_000;
  return {
    id,
    provider: id.slice(0, id.indexOf("/")),
    name: id.slice(id.indexOf("/") + 1),
    kind: "chat",
    tier,
    contextWindow: 10_000,
    maxOutputTokens: 4_000,
    capabilities: ["tools", "json_schema"],
    price: { inputPico: perToken, cachedInputPico: perToken, outputPico: perToken, source: "test" },
    staysAtEdge: tier === "fast",
    ...more,
  };
}

const all = [
  card("edge/small", "fast"),
  card("cloud/medium", "standard"),
  card("cloud/large", "reasoning"),
  card("cloud/unpriced", null, { price: null }),
];

function route(
  body: object,
  cards: ModelCard[] = all,
  promptTokens = 100,
  permits: (card: ModelCard) => boolean = () => true,
  strongShare = 0.5,
) {
  const request = chatRequest.parse({ model: "auto", messages: [{ role: "user", content: "Hello" }], ...body });
  const models = {
    find: (id: string) => cards.find((candidate) => candidate.id === id) ?? null,
    listForTier: (tier: Tier) => cards.filter((candidate) => candidate.tier === tier),
    list: () => cards,
  };
  return chooseRoute({
    request,
    prompt: { expected: promptTokens, bound: promptTokens },
    ownTokens: promptTokens,
    models,
    strongShare,
    mayUse: permits,
  });
}

/** Several steps, comparisons and numbers: the kind that weak models get wrong. */
const wordProblem =
  "Tom has 3 boxes with 24 pencils each. He gives half of them to Ann, who already has 15 more than Ben. " +
  "If Ben has 12, how many pencils does Ann have, and how many more than Tom?";
const asking = (content: string, more: object = {}) => ({ messages: [{ role: "user", content }], ...more });
const tool = { type: "function", function: { name: "look_up", parameters: { type: "object" } } };

const order = (body: object, cards?: ModelCard[], promptTokens?: number) =>
  route(body, cards, promptTokens).candidates.map(({ card: { id } }) => id);

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    if (cause instanceof AppError) return cause.code;
    throw cause;
  }
  throw new Error("it did not fail");
}

describe("a caller with a list of models", () => {
  const allowed = (allowedModels: string[], body: object) =>
    route(body, all, 100, (model) => mayUse({ allowedModels }, model));

  it.each([
    [["auto", "cloud/*"], { model: "auto" }, ["cloud/medium", "cloud/large"]],
    [["fast"], { model: "fast" }, ["edge/small"]],
    [["auto", "cloud/medium"], { parapet: { requires_reasoning: true } }, ["cloud/medium"]],
  ])("%j is routed to no other, fallbacks included: %j", (list, body, expected) => {
    expect(allowed(list, body).candidates.map(({ card: { id } }) => id)).toEqual(expected);
  });

  it.each([
    ["none of whose models serves", ["auto", "other/*"], "auto", "model_unavailable"],
    ["who names another", ["auto"], "cloud/unpriced", "model_not_found"],
  ])("%s is refused", (_what, list, model, code) => {
    expect(codeOf(() => allowed(list, { model }))).toBe(code);
  });
});

describe("a named tier", () => {
  it.each([
    ["fast", ["edge/small", "cloud/medium", "cloud/large"]],
    ["standard", ["cloud/medium", "cloud/large", "edge/small"]],
    ["reasoning", ["cloud/large", "cloud/medium", "edge/small"]],
  ])("%s comes first, then the next better, then the cheaper", (model, expected) => {
    expect(order({ model })).toEqual(expected);
  });

  it("is downgraded when the request's budget does not cover it, and says so", () => {
    const plan = route({
      model: "reasoning",
      max_completion_tokens: 1000,
      parapet: { budget: { max_cost_micros: 2000 } },
    });
    expect(plan.candidates.map((candidate) => candidate.card.id)).toEqual(["cloud/medium", "edge/small"]);
    expect(plan.tier).toBe("standard");
    expect(plan.reason).toContain("budget of 2000 micro-USD allows standard");
  });

  it("is refused when the budget covers no tier", () => {
    expect(codeOf(() => route({ model: "fast", parapet: { budget: { max_cost_micros: 1 } } }))).toBe(
      "budget_too_small",
    );
  });

  it("passes to the next tier when none of its models can serve", () => {
    const plan = route({ model: "fast" }, all.slice(1));
    expect(plan.tier).toBe("standard");
    expect(plan.reason).toContain("no fast model can serve it");
  });
});

describe("a named model", () => {
  it("is the only candidate", () => {
    expect(order({ model: "cloud/large" })).toEqual(["cloud/large"]);
  });

  it("is refused over budget, never downgraded", () => {
    expect(codeOf(() => route({ model: "cloud/large", parapet: { budget: { max_cost_micros: 10 } } }))).toBe(
      "budget_too_small",
    );
  });

  it.each([
    ["it does not exist", { model: "cloud/none" }, "model_not_found"],
    ["its price is unknown", { model: "cloud/unpriced" }, "price_unknown"],
    [
      "it leaves the edge and the request is sensitive",
      { model: "cloud/large", parapet: { sensitive: true } },
      "invalid_request",
    ],
    [
      "it cannot see images",
      {
        model: "cloud/large",
        messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://example.com/a.png" } }] }],
      },
      "unsupported_parameter",
    ],
  ])("is refused when %s", (_why, body, code) => {
    expect(codeOf(() => route(body))).toBe(code);
  });

  it("is refused when the prompt does not fit", () => {
    expect(codeOf(() => route({ model: "cloud/large" }, all, 10_000))).toBe("context_length_exceeded");
  });
});

describe("auto", () => {
  it.each([
    ["a greeting", {}, "fast"],
    ["a short question", asking("What is the capital of France?"), "fast"],
    ["a word problem of several steps", asking(wordProblem), "reasoning"],
    ["a greeting after one", { messages: [...asking(wordProblem).messages, ...asking("Thanks!").messages] }, "fast"],
    ["a request with tools", { tools: [tool] }, "standard"],
    ["a request for reasoning effort", { reasoning_effort: "medium" }, "standard"],
    ["a word problem with tools", asking(wordProblem, { tools: [tool] }), "reasoning"],
    ["a request that requires reasoning", { parapet: { requires_reasoning: true } }, "reasoning"],
    ["a latency-critical one", asking(wordProblem, { parapet: { latency_critical: true } }), "fast"],
  ])("sends %s to the right tier", (_what, body, tier) => {
    expect(route(body).tier).toBe(tier);
  });

  it("sends a prompt longer than what it learned from to standard at least", () => {
    expect(route({}, all, 1_501).tier).toBe("standard");
  });

  it.each([
    ["nothing", 0, "fast"],
    ["everything", 1, "standard"],
  ])("with a strong share of %s, sends a usual question accordingly", (_what, share, tier) => {
    expect(route(asking("Why is the sky blue?"), all, 100, () => true, share).tier).toBe(tier);
  });

  it("names the score and the threshold, and gives both", () => {
    const { reason, score, threshold } = route(asking(wordProblem));
    expect(reason).toBe(`auto: score ${score?.toFixed(4)} is not below ${threshold?.toFixed(4)}: reasoning`);
    expect(score).toBeGreaterThanOrEqual(threshold ?? Infinity);
    expect(route({ tools: [tool] }).reason).toMatch(/^auto: score -\d\.\d{4}, but it has tools: at least standard$/);
  });

  it("has no score where the score had no part", () => {
    expect(route({ model: "fast" })).toMatchObject({ score: null, threshold: null });
    expect(route({ parapet: { latency_critical: true } })).toMatchObject({ score: null, threshold: null });
  });

  it("sends what is sensitive to the edge only, whatever fails", () => {
    expect(order({ model: "reasoning", parapet: { sensitive: true } })).toEqual(["edge/small"]);
  });
});

it("caps the answer where the caller did not, inside the context window", () => {
  const [first] = route({ model: "standard" }, all, 9_000).candidates;
  expect(first.maxOutputTokens).toBe(1_000);
  expect(first.boundMicros).toBe(10_000);
});

it("says what to do when no model is configured", () => {
  expect(codeOf(() => route({ model: "auto" }, []))).toBe("model_unavailable");
});
