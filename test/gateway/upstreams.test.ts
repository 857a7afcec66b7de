import { expect, it } from "vitest";
import type { ErrorCode } from "../../src/core/errors.ts";
import { outcomeOf } from "../../src/gateway/upstreams.ts";

it.each<{ end: "ok" | ErrorCode; limit?: string; elapsedMs?: number; says: string }>([
  { end: "ok", says: "alive" },
  { end: "upstream_rejected", says: "alive" },
  { end: "upstream_content_filter", says: "alive" },
  { end: "context_length_exceeded", says: "alive" },
  { end: "upstream_error", says: "down" },
  { end: "upstream_incomplete", says: "down" },
  { end: "upstream_invalid_response", says: "down" },
  { end: "upstream_timeout", limit: "headers", elapsedMs: 30_000, says: "down" },
  { end: "upstream_timeout", limit: "total", elapsedMs: 300_000, says: "down" },
  // The caller's own deadline: it must not shut the model for the others.
  { end: "upstream_timeout", limit: "total", elapsedMs: 400, says: "unknown" },
  { end: "upstream_rate_limited", says: "unknown" },
  { end: "upstream_auth", says: "unknown" },
  { end: "client_closed_request", says: "unknown" },
  { end: "internal", says: "unknown" },
])(
  "a call that ends with $end ($limit, after $elapsedMs ms) says of its provider: $says",
  ({ end, limit, elapsedMs, says }) => {
    expect(outcomeOf(end, { limit: limit ?? null, elapsedMs: elapsedMs ?? 0, totalTimeoutMs: 300_000 })).toBe(says);
  },
);
