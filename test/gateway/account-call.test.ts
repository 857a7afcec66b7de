import { describe, expect, it } from "vitest";
import { AppError, type ErrorCode } from "../../src/core/errors.ts";
import type { ModelCard } from "../../src/core/model.ts";
import { usageOfFailure } from "../../src/gateway/account-call.ts";

const card: ModelCard = {
  id: "test/model",
  provider: "test",
  name: "model",
  kind: "chat",
  tier: "fast",
  contextWindow: 1000,
  maxOutputTokens: 500,
  capabilities: [],
  price: null,
  staysAtEdge: false,
};
const thinking: ModelCard = { ...card, capabilities: ["reasoning"] };

describe("a call that failed counts", () => {
  it.each<[string, ErrorCode, ModelCard, number, { inputTokens: number; outputTokens: number }]>([
    ["nothing when it was refused", "upstream_rejected", card, 0, { inputTokens: 0, outputTokens: 0 }],
    ["nothing when the provider was overloaded", "upstream_error", card, 0, { inputTokens: 0, outputTokens: 0 }],
    ["its cap when it timed out unseen", "upstream_timeout", card, 0, { inputTokens: 10, outputTokens: 400 }],
    ["its cap when it broke off unseen", "upstream_incomplete", card, 0, { inputTokens: 10, outputTokens: 400 }],
    [
      "what was seen of an answer that broke off",
      "upstream_incomplete",
      card,
      30,
      { inputTokens: 10, outputTokens: 30 },
    ],
    ["its prompt when the client left at once", "client_closed_request", card, 0, { inputTokens: 10, outputTokens: 0 }],
    [
      "its cap when the client left a model that thinks",
      "client_closed_request",
      thinking,
      0,
      { inputTokens: 10, outputTokens: 400 },
    ],
    [
      "its cap when the client left a model whose thoughts nobody saw",
      "client_closed_request",
      thinking,
      1,
      { inputTokens: 10, outputTokens: 400 },
    ],
  ])("%s", (_name, code, model, outputTokens, expected) => {
    const usage = usageOfFailure(
      new AppError(code, code),
      { inputTokens: 10, outputTokens },
      { card: model, maxOutputTokens: 400, isStream: true },
    );
    expect(usage).toMatchObject(expected);
  });

  it.each<[string, ErrorCode, boolean, number]>([
    ["its cap when the client left a whole answer", "client_closed_request", false, 400],
    ["its prompt when the client left a stream before its first token", "client_closed_request", true, 0],
    ["its cap when a whole answer timed out", "upstream_timeout", false, 400],
  ])("%s", (_name, code, isStream, outputTokens) => {
    const counted = { inputTokens: 10, outputTokens: 0 };
    const usage = usageOfFailure(new AppError(code, code), counted, { card, maxOutputTokens: 400, isStream });
    expect(usage).toMatchObject({ inputTokens: 10, outputTokens, estimated: true });
  });

  it("what it was seen to think and say when the client left", () => {
    const usage = usageOfFailure(
      new AppError("client_closed_request", "left"),
      { inputTokens: 10, outputTokens: 1, reasoningTokens: 300 },
      { card: thinking, maxOutputTokens: 400, isStream: true },
    );
    expect(usage).toMatchObject({ inputTokens: 10, outputTokens: 301, reasoningTokens: 300, estimated: true });
  });
});
