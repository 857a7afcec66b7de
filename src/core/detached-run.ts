import type { Meter } from "./meter.ts";

/** What a request tells whoever runs it apart from its client, so that a lost or failed run is never charged twice. */
export interface DetachedRun {
  /** Asks for admission next: from here on the run may cost, or change something. */
  admitting(): void;
  /** A hold of the run was settled at so much, in micro-USD. */
  charged(costMicros: number): void;
}

/** By the execution context, which no client can make: a header could be forged. */
const runs = new WeakMap<object, DetachedRun>();

/** Marks what is handled with this execution context as a run apart from its client. */
export function markDetached(executionContext: object, run: DetachedRun): void {
  runs.set(executionContext, run);
}

/** The run that is handled with this execution context; `null` when the client itself is at the other end. */
export function detachedRunOf(executionContext: object): DetachedRun | null {
  return runs.get(executionContext) ?? null;
}

/** The same meter, with the run hearing of every admission asked for and every settlement. */
export function observeMeter<T extends Meter>(meter: T, run: DetachedRun): T {
  const admit: Meter["admit"] = (request) => {
    run.admitting();
    return meter.admit(request);
  };
  const settle: Meter["settle"] = (holdId, settlement) => {
    run.charged(settlement.costMicros);
    return meter.settle(holdId, settlement);
  };
  return new Proxy(meter, {
    get(target, name) {
      if (name === "admit") return admit;
      if (name === "settle") return settle;
      const value: unknown = Reflect.get(target, name);
      // An object's stub, and a class with private fields, know their methods only by the true `this`.
      return typeof value === "function" ? (...call: unknown[]) => Reflect.apply(value, target, call) : value;
    },
  });
}
