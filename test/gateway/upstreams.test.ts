import { expect, it } from "vitest";
import type { ErrorCode } from "../../src/core/errors.ts";
import { outcomeOf } from "../../src/gateway/upstreams.ts";

it.each<{ end: "ok" | ErrorCode; limit?: string; hasOwnDeadline?: boolean; elapsedMs?: number; says: string }>([
  { end: "ok", says: "alive" },
  { end: "upstream_rejected", says: "alive" },
  { end: "upstream_content_filter", says: "alive" },
  { end: "context_length_exceeded", says: "alive" },
  { end: "upstream_error", says: "down" },
  { end: "upstream_incomplete", says: "down" },
  { end: "upstream_invalid_response", says: "down" },
  { end: "upstream_timeout", limit: "headers", elapsedMs: 30_000, says: "down" },
  { end: "upstream_timeout", limit: "total", elapsedMs: 300_000, says: "down" },
  // The caller's own deadline, be it a millisecond shorter: it must not shut the model for the others.
  { end: "upstream_timeout", limit: "total", hasOwnDeadline: true, elapsedMs: 400, says: "unknown" },
  { end: "upstream_timeout", limit: "total", hasOwnDeadline: true, elapsedMs: 151_000, says: "unknown" },
  { end: "upstream_timeout", limit: "total", hasOwnDeadline: true, elapsedMs: 299_999, says: "unknown" },
  // The deployment's own timeouts still say something.
  { end: "upstream_timeout", limit: "headers", hasOwnDeadline: true, elapsedMs: 30_000, says: "down" },
  { end: "upstream_error", hasOwnDeadline: true, says: "down" },
  // What earlier attempts of the request left.
  { end: "upstream_timeout", limit: "total", elapsedMs: 400, says: "unknown" },
  { end: "upstream_rate_limited", says: "unknown" },
  { end: "upstream_auth", says: "unknown" },
  { end: "client_closed_request", says: "unknown" },
  { end: "internal", says: "unknown" },
])(
  "a call that ends with $end ($limit, after $elapsedMs ms, own deadline: $hasOwnDeadline) says of its provider: $says",
  ({ end, limit, hasOwnDeadline, elapsedMs, says }) => {
    const facts = { limit: limit ?? null, hasOwnDeadline: hasOwnDeadline ?? false, elapsedMs: elapsedMs ?? 0 };
    expect(outcomeOf(end, { ...facts, totalTimeoutMs: 300_000 })).toBe(says);
  },
);
