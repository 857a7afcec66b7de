import type { UpstreamLimit } from "../../core/model.ts";

/** Anthropic's names, the tightest first: `tokens` is whichever of the two token limits binds. */
const names = [
  ["requests", "requests"],
  ["tokens", "tokens"],
  ["input-tokens", "tokens"],
  ["output-tokens", "tokens"],
] as const satisfies (readonly [string, UpstreamLimit["kind"]])[];

/** What the `anthropic-ratelimit-*` headers say is left; resets are RFC 3339 times. */
export function readLimits(headers: Headers, nowMs: number): UpstreamLimit[] {
  return names.flatMap(([name, kind]) => {
    const text = headers.get(`anthropic-ratelimit-${name}-remaining`)?.trim() ?? "";
    const resetAtMs = Date.parse(headers.get(`anthropic-ratelimit-${name}-reset`) ?? "");
    if (!/^\d+$/.test(text) || Number.isNaN(resetAtMs)) return [];
    return [{ kind, remaining: Number(text), resetMs: Math.max(0, resetAtMs - nowMs) }];
  });
}
