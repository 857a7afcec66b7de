import { APIError } from "openai";
import { describe, expect, it } from "vitest";
import { mapError } from "../../../src/providers/openai-compatible/map-error.ts";

const context = { provider: "local", apiKey: null, nowMs: 0 };

describe("a server without a model", () => {
  it("is not asked again, and its advice reaches the caller", () => {
    const body = { code: "model_unavailable", message: "No chat model is loaded. Start one.", type: "api_error" };
    expect(mapError(APIError.generate(503, { error: body }, undefined, new Headers()), context)).toMatchObject({
      code: "model_unavailable",
      message: expect.stringContaining("No chat model is loaded. Start one."),
      retryable: true,
    });
  });

  it("is told from one that is overloaded", () => {
    const body = { code: "overloaded", message: "Busy.", type: "server_error" };
    expect(mapError(APIError.generate(503, { error: body }, undefined, new Headers()), context)).toMatchObject({
      code: "upstream_error",
    });
  });
});
