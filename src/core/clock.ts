/** Milliseconds since the epoch, UTC. Passed in, so that a test decides what time it is. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();

/** The UTC day of a time as `2026-11-21`. */
export function utcDay(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** The UTC month of a time as `2026-11`. */
export function utcMonth(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 7);
}

/** The first millisecond of the UTC day after the one `timeMs` falls in. */
export function nextUtcDayMs(timeMs: number): number {
  const date = new Date(timeMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + 1);
}

/** The first millisecond of the UTC month after the one `timeMs` falls in. */
export function nextUtcMonthMs(timeMs: number): number {
  const date = new Date(timeMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
