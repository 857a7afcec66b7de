import { ask, type Outcome, type Target } from "./run-scenario.ts";
import { chaosModels } from "./scenarios.ts";

/** At once; more would measure this machine, not the gateway. */
const clients = 6;
const maxChain = 4;
const totalTimeoutMs = 5_000;
/** A busy machine's own delay on top of a deadline. */
const graceMs = 2_000;

export interface ChaosOutcome {
  requests: number;
  answered: number;
  /** How many ended with which error. */
  errors: Record<string, number>;
  /** What may not be: an end that is neither an answer nor an error with a name, or one that came too late. */
  wrong: string[];
  slowestMs: number;
}

/** Asks random chains of models, some healthy and some failing in every way, whole and streamed, until the time is over. */
export async function runChaos(target: Target, durationMs: number): Promise<ChaosOutcome> {
  const outcome: ChaosOutcome = { requests: 0, answered: 0, errors: {}, wrong: [], slowestMs: 0 };
  const endMs = performance.now() + durationMs;
  const client = async () => {
    while (performance.now() < endMs) {
      const models = randomChain();
      // One in four callers has less patience than the deployment.
      const timeoutMs = Math.random() < 0.25 ? 200 + Math.floor(Math.random() * 2_000) : totalTimeoutMs;
      const stream = Math.random() < 0.7;
      const answer = await ask(target, { models, stream }, { headers: { "x-parapet-timeout-ms": String(timeoutMs) } });
      note(answer, timeoutMs, `${models.join(" > ")}${stream ? ", streamed" : ""}`);
    }
  };
  const note = (answer: Outcome, timeoutMs: number, what: string) => {
    outcome.requests += 1;
    outcome.slowestMs = Math.max(outcome.slowestMs, answer.totalMs);
    if (answer.totalMs > timeoutMs + graceMs)
      outcome.wrong.push(`${what}: ${Math.round(answer.totalMs)} ms of ${timeoutMs}`);
    if (answer.error !== null) {
      outcome.errors[answer.error] = (outcome.errors[answer.error] ?? 0) + 1;
      if (answer.isComplete) outcome.wrong.push(`${what}: complete, and yet ${answer.error}`);
    } else if (answer.isComplete && answer.text !== "") outcome.answered += 1;
    else outcome.wrong.push(`${what}: an end without an error: ${JSON.stringify(answer.text.slice(-40))}`);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return outcome;
}

function randomChain(): [string, ...string[]] {
  const shuffled = chaosModels.toSorted(() => Math.random() - 0.5);
  const [first, ...rest] = shuffled.slice(0, 1 + Math.floor(Math.random() * maxChain));
  if (first === undefined) throw new Error("no models");
  return [first, ...rest];
}
