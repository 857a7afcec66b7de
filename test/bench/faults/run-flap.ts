import { setTimeout as wait } from "node:timers/promises";
import { sixtyText } from "../../support/scripts.ts";
import { ask, type Outcome, type Target } from "./run-scenario.ts";
import { flap } from "./scenarios.ts";

const pauseMs = 100;
/** The outage, the breaker's longest cooldown in it, and time to answer. */
const giveUpMs = 15_000;

export interface FlapOutcome {
  requests: number;
  /** Answers that were whole, whoever gave them. */
  answered: number;
  /** How often the model that was down was asked in vain. */
  asked: number;
  /** Until the model was asked again with success. */
  recoveredMs: number | null;
  last: Outcome;
}

/** Asks on while a model is down and until it answers again. */
export async function runFlap(target: Target): Promise<FlapOutcome> {
  const startMs = performance.now();
  let requests = 0;
  let answered = 0;
  let asked = 0;
  for (;;) {
    const last = await ask(target, { models: [...flap.models], stream: true });
    requests += 1;
    if (last.isComplete && last.text === sixtyText) answered += 1;
    asked += last.attempts.filter((outcome) => outcome === "upstream_error").length;
    const isBack = last.model === `scripted/${flap.models[0]}`;
    const elapsedMs = performance.now() - startMs;
    if (isBack || elapsedMs > giveUpMs)
      return { requests, answered, asked, recoveredMs: isBack ? elapsedMs : null, last };
    await wait(pauseMs);
  }
}
