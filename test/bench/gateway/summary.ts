/** What one run of the load generator saw; times in milliseconds. */
export interface Summary {
  requests: number;
  rps: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  ttfbP50Ms: number;
  ttfbP99Ms: number;
}

export interface Measured extends Summary {
  /** Right answers, those of the warm-up among them. */
  answered: number;
  errors: number;
  firstError: string | null;
}

export function summarise({
  totals,
  firsts,
  elapsedMs,
}: {
  totals: number[];
  firsts: number[];
  elapsedMs: number;
}): Summary {
  const sortedTotals = totals.toSorted((a, b) => a - b);
  const sortedFirsts = firsts.toSorted((a, b) => a - b);
  return {
    requests: totals.length,
    rps: (totals.length / elapsedMs) * 1000,
    p50Ms: quantile(sortedTotals, 0.5),
    p95Ms: quantile(sortedTotals, 0.95),
    p99Ms: quantile(sortedTotals, 0.99),
    ttfbP50Ms: quantile(sortedFirsts, 0.5),
    ttfbP99Ms: quantile(sortedFirsts, 0.99),
  };
}

/** The median of each figure over the rounds; errors add up. */
export function medianOfRounds(rounds: Measured[]): Measured {
  const of = (figure: (round: Measured) => number) => median(rounds.map(figure));
  return {
    requests: rounds.reduce((total, round) => total + round.requests, 0),
    rps: of((round) => round.rps),
    p50Ms: of((round) => round.p50Ms),
    p95Ms: of((round) => round.p95Ms),
    p99Ms: of((round) => round.p99Ms),
    ttfbP50Ms: of((round) => round.ttfbP50Ms),
    ttfbP99Ms: of((round) => round.ttfbP99Ms),
    answered: rounds.reduce((total, round) => total + round.answered, 0),
    errors: rounds.reduce((total, round) => total + round.errors, 0),
    firstError: rounds.find((round) => round.firstError !== null)?.firstError ?? null,
  };
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Nearest rank. */
function quantile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))] ?? 0;
}
