/** When a model counts as down, and how it comes back. Times in milliseconds. */
export interface BreakerPolicy {
  /** Outcomes older than this are forgotten. */
  windowMs: number;
  /** Fewer failures than this are bad luck. */
  minimumFailures: number;
  /** Of all outcomes in the window. */
  failureRate: number;
  /** How long nobody is let through; doubled by every probe that fails. */
  cooldownMs: number;
  maxCooldownMs: number;
  /** A probe that has not reported for so long is given up: its isolate died. */
  probeMs: number;
}

/** Half of at least five calls within 30 s: with one retry a request, an outage is over after the third request. */
export const defaultBreakerPolicy: BreakerPolicy = {
  windowMs: 30_000,
  minimumFailures: 5,
  failureRate: 0.5,
  cooldownMs: 5_000,
  maxCooldownMs: 60_000,
  probeMs: 60_000,
};

export interface OutcomeCounts {
  succeeded: number;
  failed: number;
}

interface Slot extends OutcomeCounts {
  startMs: number;
}

/** The state of one model's breaker: a value, changed by the functions below and nothing else. */
export interface Breaker {
  slots: Slot[];
  /** `null` while it is closed. */
  open: { untilMs: number; cooldownMs: number } | null;
  probe: { id: string; untilMs: number } | null;
}

export type Availability =
  | { state: "closed" }
  /** Nobody is let through before then. */
  | { state: "open"; retryInMs: number }
  /** One call may find out. */
  | { state: "half_open" };

export const closedBreaker: Breaker = { slots: [], open: null, probe: null };

const slotsPerWindow = 10;
/** While a probe is under way, whoever else would like to know asks again after this. */
const probeAskMs = 1_000;

export function availabilityOf(breaker: Breaker, nowMs: number): Availability {
  const { open, probe } = breaker;
  if (open === null) return { state: "closed" };
  if (nowMs < open.untilMs) return { state: "open", retryInMs: open.untilMs - nowMs };
  if (probe !== null && nowMs < probe.untilMs)
    return { state: "open", retryInMs: Math.min(probe.untilMs - nowMs, probeAskMs) };
  return { state: "half_open" };
}

/** Counts outcomes. While it is open they are those of calls that began before, and say nothing new. */
export function observe(breaker: Breaker, counts: OutcomeCounts, nowMs: number, policy: BreakerPolicy): Breaker {
  if (breaker.open !== null) return breaker;
  const slotMs = policy.windowMs / slotsPerWindow;
  const startMs = Math.floor(nowMs / slotMs) * slotMs;
  const kept = breaker.slots.filter((slot) => slot.startMs > startMs - policy.windowMs);
  const current = kept.find((slot) => slot.startMs === startMs) ?? { startMs, succeeded: 0, failed: 0 };
  const slots = [
    ...kept.filter((slot) => slot !== current),
    { startMs, succeeded: current.succeeded + counts.succeeded, failed: current.failed + counts.failed },
  ];
  const failed = slots.reduce((total, slot) => total + slot.failed, 0);
  const all = failed + slots.reduce((total, slot) => total + slot.succeeded, 0);
  const isDown = counts.failed > 0 && failed >= policy.minimumFailures && failed >= all * policy.failureRate;
  return isDown ? openFor(policy.cooldownMs, nowMs) : { slots, open: null, probe: null };
}

/** Gives out the one probe, or `null` where there is none to give. */
export function leaseProbe(breaker: Breaker, id: string, nowMs: number, policy: BreakerPolicy): Breaker | null {
  if (availabilityOf(breaker, nowMs).state !== "half_open") return null;
  return { ...breaker, probe: { id, untilMs: nowMs + policy.probeMs } };
}

/** `unknown`: the call ended before it could tell, as when its client left; the next one may probe. */
export type ProbeOutcome = "succeeded" | "failed" | "unknown";

/** Takes a probe's word. A probe whose lease went to another has none. */
export function endProbe(
  breaker: Breaker,
  { id, outcome }: { id: string; outcome: ProbeOutcome },
  nowMs: number,
  policy: BreakerPolicy,
): Breaker {
  if (breaker.open === null || breaker.probe?.id !== id) return breaker;
  if (outcome === "succeeded") return closedBreaker;
  if (outcome === "unknown") return { ...breaker, probe: null };
  return openFor(Math.min(breaker.open.cooldownMs * 2, policy.maxCooldownMs), nowMs);
}

/** Takes over what the other isolates found out. */
export function adoptOpen(breaker: Breaker, retryInMs: number, nowMs: number, policy: BreakerPolicy): Breaker {
  const cooldownMs = breaker.open?.cooldownMs ?? policy.cooldownMs;
  return { slots: [], open: { untilMs: nowMs + retryInMs, cooldownMs }, probe: null };
}

function openFor(cooldownMs: number, nowMs: number): Breaker {
  return { slots: [], open: { untilMs: nowMs + cooldownMs, cooldownMs }, probe: null };
}
