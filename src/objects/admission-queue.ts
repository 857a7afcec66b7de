import { systemClock } from "../core/clock.ts";
import type { Decision } from "./decide-admission.ts";

/** A parent that does not answer within this after the wait is over never will. */
const graceMs = 3_000;

/** Something above the meter that requests wait for. */
export interface Shortage {
  readonly isAsking: boolean;
  /** Begins a pass: nobody wants anything yet. */
  clear(): void;
  /** Asks for what is wanted; true when a question now goes out that holds every want. */
  draw(): boolean;
}

/** What one request lacks, and how it says so. */
export interface Lack {
  shortage: Shortage;
  want(): void;
}

export interface Attempt {
  decision: Decision;
  /** What is short above; empty when the decision stands without anybody else. */
  lacks: readonly Lack[];
}

interface Waiting {
  /** Decides, and where it admits reserves in the same tick: no other request can come between the two. */
  attempt: (nowMs: number) => Attempt;
  giveUpMs: number;
  /** A question that held this request's need went out. */
  wasAsked: boolean;
  resolve: (decision: Decision) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** Requests that wait for reserved money or for a slice, tried again in their order whenever something changes. */
export class AdmissionQueue {
  #waiting: Waiting[] = [];

  /** Answers at once where nothing is in the way but what settles it. */
  async decide(attempt: (nowMs: number) => Attempt, waitMs: number): Promise<Decision> {
    const nowMs = systemClock();
    const first = attempt(nowMs);
    if (isFinal(first.decision)) return first.decision;
    if (first.lacks.length === 0 && waitMs === 0) return first.decision;
    return new Promise((resolve) => {
      const giveUpMs = nowMs + waitMs;
      const timer = setTimeout(() => this.advance(), waitMs);
      const waiting: Waiting = { attempt, giveUpMs, wasAsked: false, resolve, timer };
      this.#waiting.push(waiting);
      for (const { want } of first.lacks) want();
      waiting.wasAsked = draw(first.lacks.map(({ shortage }) => shortage)).size > 0;
    });
  }

  /** Tries everybody again. */
  advance(): void {
    if (this.#waiting.length === 0) return;
    const nowMs = systemClock();
    const wanted = new Set<Shortage>();
    const still: { waiting: Waiting; lacks: readonly Lack[] }[] = [];
    for (const waiting of this.#waiting) {
      const { decision, lacks } = waiting.attempt(nowMs);
      if (isFinal(decision) || isOver(waiting, lacks, nowMs)) {
        clearTimeout(waiting.timer);
        waiting.resolve(decision);
        continue;
      }
      for (const { shortage, want } of lacks) {
        if (!wanted.has(shortage)) shortage.clear();
        wanted.add(shortage);
        want();
      }
      still.push({ waiting, lacks });
    }
    this.#waiting = still.map(({ waiting }) => waiting);
    const asked = draw([...wanted]);
    for (const { waiting, lacks } of still)
      if (lacks.some(({ shortage }) => asked.has(shortage))) waiting.wasAsked = true;
  }
}

/** Patience ends with the wait, but not before a parent was asked and has answered. */
function isOver({ giveUpMs, wasAsked }: Waiting, lacks: readonly Lack[], nowMs: number): boolean {
  if (nowMs < giveUpMs) return false;
  if (lacks.length === 0 || nowMs >= giveUpMs + graceMs) return true;
  return wasAsked && !lacks.some(({ shortage }) => shortage.isAsking);
}

function isFinal(decision: Decision): boolean {
  return decision.admitted || !decision.waits;
}

/** Those whose question went out now. */
function draw(shortages: readonly Shortage[]): Set<Shortage> {
  return new Set(shortages.filter((shortage) => shortage.draw()));
}
