import type { UpstreamLimit } from "../../core/model.ts";

const kinds = ["requests", "tokens"] as const;
const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Beyond this a number is no duration but a time: seconds since 1970. */
const earliestEpochSeconds = 1_000_000_000;

/**
 * What a response's `x-ratelimit-*` headers say is left (developers.openai.com/api/docs/guides/rate-limits; Groq, Azure, Together
 * and vLLM's proxies copy them). A limit without both its numbers is left out.
 */
export function readLimits(headers: Headers, nowMs: number): UpstreamLimit[] {
  return kinds.flatMap((kind) => {
    const text = headers.get(`x-ratelimit-remaining-${kind}`)?.trim() ?? "";
    const resetMs = readReset(headers.get(`x-ratelimit-reset-${kind}`)?.trim() ?? "", nowMs);
    const remaining = Number(text);
    if (text === "" || !Number.isFinite(remaining) || resetMs === null) return [];
    return [{ kind, remaining: Math.max(0, Math.floor(remaining)), resetMs }];
  });
}

/** `6m0s`, `17ms`, `2m59.56s`, bare seconds, or a time since 1970 in seconds or milliseconds; `null` for anything else. */
export function readReset(text: string, nowMs: number): number | null {
  if (text === "") return null;
  const value = Number(text);
  if (Number.isFinite(value)) {
    if (value >= earliestEpochSeconds * 1_000) return Math.max(0, Math.ceil(value - nowMs));
    if (value >= earliestEpochSeconds) return Math.max(0, Math.ceil(value * 1_000 - nowMs));
    return value < 0 ? null : Math.ceil(value * 1_000);
  }
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(text)) return null;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g))
    totalMs += Number(amount) * unitMs[unit as keyof typeof unitMs]; // the pattern knows no other unit
  return Math.ceil(totalMs);
}
