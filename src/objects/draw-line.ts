import { systemClock } from "../core/clock.ts";
import { logError } from "../telemetry/log.ts";

/** A parent that restarts answers within this many tries. */
const tries = 4;
const firstPauseMs = 20;
/** A parent that could not be reached is not asked again for so long. */
const downMs = 1_000;

/** One question at a time to one parent: what comes up meanwhile goes with the next. */
export class DrawLine {
  readonly #parent: string;
  readonly #changed: () => void;
  #asking: Promise<void> | null = null;
  #downUntilMs = 0;

  /** `changed` is called after every answer, and after every failure. */
  constructor(parent: string, changed: () => void) {
    this.#parent = parent;
    this.#changed = changed;
  }

  get isAsking(): boolean {
    return this.#asking !== null;
  }

  isDown(nowMs: number): boolean {
    return nowMs < this.#downUntilMs;
  }

  /** A question may be asked again as it is: every message is cumulative. */
  ask(question: () => Promise<void>): void {
    if (this.#asking !== null) return;
    this.#asking = this.#insist(question).finally(() => {
      this.#asking = null;
      this.#changed();
    });
  }

  async #insist(question: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await question();
        this.#downUntilMs = 0;
        return;
      } catch (cause) {
        if (attempt === tries) {
          this.#downUntilMs = systemClock() + downMs;
          logError("allowance.unreachable", { parent: this.#parent }, cause);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 2 ** attempt));
      }
    }
  }
}
