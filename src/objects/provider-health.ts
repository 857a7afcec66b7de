import { DurableObject } from "cloudflare:workers";
import { systemClock } from "../core/clock.ts";
import { newId } from "../core/ids.ts";
import { parseSettings } from "../env.ts";
import {
  availabilityOf,
  closedBreaker,
  defaultBreakerPolicy,
  endProbe,
  leaseProbe,
  observe,
  type Breaker,
  type BreakerPolicy,
  type OutcomeCounts,
  type ProbeOutcome,
} from "../gateway/breaker.ts";
import type { ProbeAnswer, SharedBreaker, SharedHealth } from "../gateway/upstreams.ts";

const storageKey = "breaker";

/**
 * One model's health as all isolates see it together, found by `provider/model`. It adds their counts up, and hands out the one
 * probe that finds out whether a model is back. Only changes are stored: an eviction forgets a window, never an open breaker.
 */
export class ProviderHealth extends DurableObject<Env> implements SharedBreaker {
  #breaker: Breaker;
  readonly #policy: BreakerPolicy;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const settings = parseSettings(env);
    this.#policy = {
      ...defaultBreakerPolicy,
      minimumFailures: settings.PARAPET_BREAKER_FAILURES,
      cooldownMs: settings.PARAPET_BREAKER_COOLDOWN_MS,
    };
    this.#breaker = ctx.storage.kv.get<Breaker>(storageKey) ?? closedBreaker;
  }

  async sync(counts: OutcomeCounts): Promise<SharedHealth> {
    this.#become(observe(this.#breaker, counts, systemClock(), this.#policy));
    return availabilityOf(this.#breaker, systemClock());
  }

  async leaseProbe(): Promise<ProbeAnswer> {
    const availability = availabilityOf(this.#breaker, systemClock());
    if (availability.state === "closed") return { closed: true };
    if (availability.state === "open") return { retryInMs: availability.retryInMs };
    const lease = newId("request");
    this.#become(leaseProbe(this.#breaker, lease, systemClock(), this.#policy) ?? this.#breaker);
    return { lease };
  }

  async endProbe(lease: string, outcome: ProbeOutcome): Promise<void> {
    this.#become(endProbe(this.#breaker, { id: lease, outcome }, systemClock(), this.#policy));
  }

  #become(next: Breaker): void {
    const changed = next.open !== this.#breaker.open || next.probe !== this.#breaker.probe;
    this.#breaker = next;
    if (!changed) return;
    if (next.open === null) this.ctx.storage.kv.delete(storageKey);
    else this.ctx.storage.kv.put(storageKey, next);
  }
}
