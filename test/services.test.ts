import { env } from "cloudflare:workers";
import { expect, it, vi } from "vitest";
import { parseSettings } from "../src/env.ts";
import { createServices } from "../src/services.ts";

const failure = { model: "openai/gpt-5.6-luna", code: "upstream_error", status: 503 } as const;

it("shows a developer one line for each call that a model failed", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  try {
    const { gateway } = await createServices(env, parseSettings({ ...env, PARAPET_ENVIRONMENT: "local" }));
    gateway.reportFailure?.(failure);
    const line = { level: "warning", event: "model.call_failed", ...failure };
    expect(warn.mock.calls).toEqual([[JSON.stringify(line)]]);
  } finally {
    warn.mockRestore();
  }
});

it("shows nothing in production, where the trace says it", async () => {
  const { gateway } = await createServices(env, parseSettings({ ...env, PARAPET_ENVIRONMENT: "production" }));
  expect(gateway.reportFailure).toBeUndefined();
});
