import { beforeAll, describe, expect, it } from "vitest";
import { callWorker, makeKey, scriptedEnv } from "../support/call-worker.ts";

const messages = [{ role: "user", content: "Hello" }];
const price = { inputUsdPerMillion: 1, outputUsdPerMillion: 10 };
// Nothing listens there: a call would fail.
const provider = {
  name: "unreachable",
  baseUrl: "http://127.0.0.1:9/v1",
  models: [
    { name: "small", tier: "fast", contextWindow: 10_000, maxOutputTokens: 100, price },
    { name: "large", tier: "reasoning", capabilities: ["tools"], contextWindow: 10_000, maxOutputTokens: 1_000, price },
  ],
};

let key: string;
beforeAll(async () => {
  key = await makeKey(["chat", "usage:read", "act_as"]);
});

const explain = (body: object, settings: object = {}) =>
  callWorker(scriptedEnv({ PARAPET_PROVIDERS: JSON.stringify([provider]), ...settings }), "/v1/route", {
    key,
    body: { model: "auto", messages, ...body },
  });

describe("POST /v1/route", () => {
  it("says which model would answer, and why, without calling it", async () => {
    const { status, json } = await explain({ max_completion_tokens: 50 });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      tier: "fast",
      model: "unreachable/small",
      candidates: expect.arrayContaining([
        { model: "unreachable/small", tier: "fast", max_output_tokens: 50, bound_micros: expect.any(Number) },
        { model: "unreachable/large", tier: "reasoning", max_output_tokens: 50, bound_micros: expect.any(Number) },
      ]),
    });
    expect(json.score).toBeLessThan(json.threshold);
    expect(json.reason).toContain(json.score.toFixed(4));
  });

  it("follows the deployment's share of strong calls", async () => {
    expect((await explain({}, { PARAPET_ROUTER_STRONG_SHARE: "1" })).json.reason).toContain("standard");
  });

  it("names the models that cannot serve, and why", async () => {
    const tools = [{ type: "function", function: { name: "look_up", parameters: { type: "object" } } }];
    const { json } = await explain({ tools });
    expect(json.model).toBe("unreachable/large");
    expect(json.obstacles).toContainEqual({
      model: "unreachable/small",
      code: "unsupported_parameter",
      message: "unreachable/small does not support tools.",
    });
  });

  it("names the models that the request's budget rules out", async () => {
    const { json } = await explain({ parapet: { budget: { max_cost_micros: 5_000 } } });
    expect(json.candidates.map(({ model }: { model: string }) => model)).not.toContain("unreachable/large");
    expect(json.obstacles).toContainEqual(
      expect.objectContaining({ model: "unreachable/large", code: "budget_too_small" }),
    );
  });

  it.each([
    ["no model of that name", { model: "unreachable/none" }, 404, "model_not_found"],
    ["no model that may see it", { model: "unreachable/small", parapet: { sensitive: true } }, 400, "invalid_request"],
  ])("refuses as a chat completion would, where there is %s", async (_what, body, status, code) => {
    const answer = await explain(body);
    expect(answer.status).toBe(status);
    expect(answer.json.error.code).toBe(code);
  });

  it("counts against the rate limit and costs nothing", async () => {
    const limited = await makeKey(["chat"], { requests_per_minute: 1 });
    const body = { model: "scripted/ok", messages };
    expect((await callWorker(scriptedEnv(), "/v1/route", { key: limited, body })).status).toBe(200);
    const refused = await callWorker(scriptedEnv(), "/v1/route", { key: limited, body });
    expect(refused.status).toBe(429);
    const poor = await makeKey(["chat"], { daily_budget_micros: 0 });
    expect((await callWorker(scriptedEnv(), "/v1/route", { key: poor, body })).status).toBe(200);
  });
});
