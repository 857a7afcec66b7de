/** RouteLLM's metrics (arXiv 2406.18665): how much of the strong model's lead a router keeps, by the share of calls that go to it. */
export interface RoutingMetrics {
  /** Mean share of the lead recovered, over all shares of strong calls; random is 0.5. */
  apgr: number;
  /** Shares of strong calls at which 50 % and 80 % of the lead are recovered. */
  cpt50: number;
  cpt80: number;
}

export interface Outcome {
  weak: number;
  strong: number;
}

/** Right answers per prompt when the k highest scores go to the strong model, for k from 0 to all. Equal scores share their gain. */
export function qualityCurve(outcomes: readonly Outcome[], scores: readonly number[]): number[] {
  const order = outcomes
    .map((_outcome, at) => at)
    .toSorted((left, right) => (scores[right] ?? 0) - (scores[left] ?? 0));
  const gains = order.map((at) => (outcomes[at]?.strong ?? 0) - (outcomes[at]?.weak ?? 0));
  const curve = [outcomes.reduce((total, { weak }) => total + weak, 0)];
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && scores[order[to] ?? 0] === scores[order[from] ?? 0]) to++;
    const mean = gains.slice(from, to).reduce((total, gain) => total + gain, 0) / (to - from);
    for (; from < to; from++) curve.push((curve.at(-1) ?? 0) + mean);
  }
  return curve.map((right) => right / outcomes.length);
}

export function measureRouting(outcomes: readonly Outcome[], scores: readonly number[]): RoutingMetrics {
  const curve = qualityCurve(outcomes, scores);
  const weakest = curve[0] ?? 0;
  const lead = (curve.at(-1) ?? 0) - weakest;
  const recovered = curve.map((quality) => (quality - weakest) / lead);
  const last = recovered.length - 1;
  const area = recovered.reduce((total, value, at) => total + (at === 0 || at === last ? value / 2 : value), 0) / last;
  const reaches = (share: number) => recovered.findIndex((value) => value >= share - 1e-9) / last;
  return { apgr: area, cpt50: reaches(0.5), cpt80: reaches(0.8) };
}

/** The same area over all costs instead of all shares of calls, where one call costs more than another; random is 0.5. */
export function recoveredByCost(
  outcomes: readonly Outcome[],
  scores: readonly number[],
  costs: readonly number[],
): number {
  const order = outcomes
    .map((_outcome, at) => at)
    .toSorted((left, right) => (scores[right] ?? 0) - (scores[left] ?? 0));
  const gainOf = (at: number) => (outcomes[at]?.strong ?? 0) - (outcomes[at]?.weak ?? 0);
  const lead = order.reduce((total, at) => total + gainOf(at), 0);
  const whole = costs.reduce((total, cost) => total + cost, 0);
  let gained = 0;
  let area = 0;
  for (const at of order) {
    area += (gained + gainOf(at) / 2) * (costs[at] ?? 0);
    gained += gainOf(at);
  }
  return area / (lead * whole);
}
