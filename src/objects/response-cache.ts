import { DurableObject } from "cloudflare:workers";
import { leaseMs, type AnswerCache, type CacheClaim, type CacheState, type KeptAnswer } from "../core/answer-cache.ts";
import { systemClock } from "../core/clock.ts";
import { ResponseShelf } from "./response-shelf.ts";

type Change = "changed" | "unkept";

/**
 * The answers one subject, or all readers of one project with the same rights, may be given again, and who is getting one just
 * now. Named as gateway/answer-key.ts says. A shared scope's name stands in the scopes of the subjects who left something in it.
 */
export class ResponseCache extends DurableObject<Env> implements AnswerCache {
  readonly #shelf: ResponseShelf;
  /** Subjects whose own scopes know that there is something of theirs here. */
  readonly #noted = new Set<string>();
  readonly #waiting = new Map<string, Set<(change: Change) => void>>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#shelf = new ResponseShelf(ctx.storage);
  }

  async claim({ key, subjectId, acceptKept, waitMs }: CacheClaim): Promise<CacheState> {
    const beganMs = systemClock();
    const giveUpMs = beganMs + waitMs;
    for (;;) {
      const nowMs = systemClock();
      const body = this.#shelf.take(key, { nowMs, keptSinceMs: acceptKept ? 0 : beganMs });
      if (body !== null) return { state: "hit", body };
      // Decided and written in one tick: nobody else can lead in between.
      const flight = this.#shelf.findFlight(key, nowMs);
      if (flight === null) return { state: "lead", token: this.#shelf.lead(key, subjectId, nowMs + leaseMs) };
      if (nowMs >= giveUpMs) return { state: "late" };
      const change = await this.#nextChange(key, Math.min(giveUpMs, flight.leaseUntilMs) - nowMs);
      if (change === "unkept") return { state: "unkept" };
    }
  }

  async renew(key: string, token: string): Promise<void> {
    this.#shelf.renew(key, token, systemClock() + leaseMs);
  }

  async keep(key: string, token: string, { body, ttlMs }: KeptAnswer): Promise<void> {
    // First, so that there is no moment at which an erasure would miss it. Fails as a lost lead does.
    const leader = this.#shelf.findLeader(key, token);
    if (leader !== null) await this.#noteWith(leader);
    const subjectId = this.#shelf.endFlight(key, token);
    if (subjectId === null) return;
    const nowMs = systemClock();
    this.#shelf.put(key, { body, subjectId, nowMs, expiresAtMs: nowMs + ttlMs });
    this.#announce(key, "changed");
    await this.#wakeBy(nowMs + ttlMs);
  }

  async release(key: string, token: string, why: "failed" | "unkept"): Promise<void> {
    if (this.#shelf.endFlight(key, token) !== null) this.#announce(key, why === "unkept" ? "unkept" : "changed");
  }

  async purge(): Promise<void> {
    this.#shelf.clear();
    const subjectId = this.#name().split("/").at(-1) ?? "";
    for (const name of this.#shelf.listShared()) {
      await this.env.RESPONSE_CACHE.getByName(name).forget(subjectId);
      this.#shelf.dropShared(name);
    }
  }

  /** This subject left an answer in the shared scope of that name. */
  async noteShared(name: string): Promise<void> {
    this.#shelf.noteShared(name);
  }

  /** Drops what a subject left here, and what is on its way. */
  async forget(subjectId: string): Promise<void> {
    this.#noted.delete(subjectId);
    this.#shelf.forget(subjectId);
  }

  override async alarm(): Promise<void> {
    const nextMs = this.#shelf.dropExpired(systemClock());
    if (nextMs !== null) await this.ctx.storage.setAlarm(Math.max(nextMs, systemClock() + 1));
  }

  #nextChange(key: string, timeoutMs: number): Promise<Change> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiting);
      const finish = (change: Change) => {
        clearTimeout(timer);
        waiting.delete(finish);
        if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
        resolve(change);
      };
      const timer = setTimeout(() => finish("changed"), Math.max(1, timeoutMs));
      waiting.add(finish);
    });
  }

  #announce(key: string, change: Change): void {
    for (const finish of this.#waiting.get(key) ?? []) finish(change);
  }

  async #wakeBy(timeMs: number): Promise<void> {
    const alarmAtMs = await this.ctx.storage.getAlarm();
    if (alarmAtMs === null || alarmAtMs > timeMs) await this.ctx.storage.setAlarm(timeMs);
  }

  /** In a shared scope, tells the leader's own scope where an answer of its is. */
  async #noteWith(subjectId: string): Promise<void> {
    const [project, kind] = this.#name().split("/");
    if (kind !== "shared" || this.#noted.has(subjectId)) return;
    await this.env.RESPONSE_CACHE.getByName(`${project}/${subjectId}`).noteShared(this.#name());
    this.#noted.add(subjectId);
  }

  #name(): string {
    return this.ctx.id.name ?? "";
  }
}
