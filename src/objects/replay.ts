import { DurableObject } from "cloudflare:workers";
import { systemClock } from "../core/clock.ts";
import { markDetached } from "../core/detached-run.ts";
import { newId } from "../core/ids.ts";
import type { Replay as ReplayContract, ReplayAnswer, ReplayRequest } from "../core/replay.ts";
import { createSecretKeys } from "../core/secret-keys.ts";
import { parseSettings } from "../env.ts";
import { logError } from "../telemetry/log.ts";
import { gatherChunks } from "./gather-chunks.ts";
import { EventNumbering } from "./number-events.ts";
import { Recording, segmentBytes } from "./recording.ts";

/** Answers a request as the worker itself would, wherever it runs. */
export type Handler = (
  request: Request<unknown, IncomingRequestCfProperties>,
  env: Env,
  ctx: ExecutionContext,
) => Response | Promise<Response>;

interface Head {
  status: number;
  headers: [name: string, value: string][];
}

interface RunState {
  id: string;
  fingerprint: string;
  isKept: boolean;
  phase: "running" | "done" | "interrupted";
  /** Whether admission was asked for: before it a run has done nothing, and may be done again. */
  isAdmitted: boolean;
  head: Head | null;
  expiresAtMs: number;
}

/** A response whose head is known: its body is recorded, or short and given to whoever waits for it. */
interface Answered {
  head: Head;
  body: Recording | ArrayBuffer;
}

const keptMs = 24 * 3_600_000;
/** An answer that nobody may ask for again goes this long after its end, or after its last reader. */
const lingerMs = 1_000;
/**
 * An object without events is evicted after 70 s at the earliest (Cloudflare's lifecycle of a Durable Object), even while it reads
 * from a provider. The alarm is such an event; and it finds the runs that were lost with their object.
 */
const heartbeatMs = 20_000;
/** How long after the end of its time an answer waits for those who are still reading it. */
const patienceMs = 600_000;
/** A Response of these statuses must be made without a body. */
const bodiless = new Set([204, 205, 304]);
/** What belongs to one exchange, not to the answer: the worker in front sets its own. */
const ownHeaders = /^(?:content-length|transfer-encoding|connection|date|vary|access-control-.*)$/;

/**
 * Runs a request inside itself, where no client's departure ends it, and keeps the answer for whoever asks with the same key.
 * Named `project/subjectId/…`; the worker's own handler comes in from the composition root.
 */
export function createReplay(handler: Handler) {
  return class Replay extends DurableObject<Env> implements ReplayContract {
    /** Of the run that this instance began or has read; a running run without one was lost with an earlier instance. */
    #answered: Promise<Answered> | null = null;
    #recording: Recording | null = null;
    #cipher: Promise<Pick<ConstructorParameters<typeof Recording>[1], "seal" | "open">> | null = null;

    async join(request: ReplayRequest): Promise<ReplayAnswer> {
      let state = this.#state();
      if (state !== null && this.#isOver(state)) {
        this.ctx.waitUntil(this.#forget(state));
        state = null;
      }
      if (state === null) return { kind: "run", response: respond(await this.#start(request), 0) };
      if (state.fingerprint !== request.fingerprint) return { kind: "conflict" };
      if (this.#isLost(state)) state = this.#interrupt(state);
      if (state.phase === "interrupted") return { kind: "interrupted" };
      this.#answered ??= Promise.resolve(this.#restore(state));
      const answered = await this.#answered;
      const isReadable = !(answered.body instanceof Recording) || (await answered.body.isReadable());
      if (!isReadable) return { kind: "interrupted" };
      return { kind: "replay", response: respond(answered, request.lastEventId ?? 0) };
    }

    override async alarm(): Promise<void> {
      const state = this.#state();
      if (state === null) return;
      if (this.#isOver(state)) {
        // The bucket first: while it cannot be reached, the alarm comes again.
        if (state.head !== null) await this.#empty(this.#path(state));
        if (this.#state()?.id === state.id) await this.#clear();
        return;
      }
      const { phase, expiresAtMs } = this.#isLost(state) ? this.#interrupt(state) : state;
      const soonMs = systemClock() + heartbeatMs;
      this.#wakeAt(phase === "running" ? soonMs : Math.max(expiresAtMs, soonMs));
    }

    async #start(request: ReplayRequest): Promise<Answered> {
      const nowMs = systemClock();
      const state: RunState = {
        id: newId("request"),
        fingerprint: request.fingerprint,
        isKept: request.isKept,
        phase: "running",
        isAdmitted: false,
        head: null,
        expiresAtMs: nowMs + keptMs,
      };
      this.#save(state);
      this.#wakeAt(nowMs + heartbeatMs);
      const answered = this.#run(request, state);
      this.#answered = answered;
      return answered;
    }

    /** Resolves with the head; the body is recorded behind it. */
    async #run(request: ReplayRequest, state: RunState): Promise<Answered> {
      let chargedMicros = 0;
      const context = this.#executionContext();
      markDetached(context, {
        admitting: () => {
          if (state.isAdmitted) return;
          state.isAdmitted = true;
          this.#save(state);
        },
        charged: (costMicros) => {
          chargedMicros += costMicros;
        },
      });
      try {
        const response = await handler(toRequest(request), this.env, context);
        const head = {
          status: response.status,
          headers: [...response.headers].filter(([name]) => !ownHeaders.test(name)),
        };
        // A failure that cost nothing is not kept: the same key may try again.
        if (response.status >= 400 && chargedMicros === 0) {
          const body = await response.arrayBuffer();
          this.ctx.waitUntil(this.#forget(state));
          return { head, body };
        }
        state.head = head;
        this.#save(state);
        const recording = this.#openRecording(state, "open");
        this.ctx.waitUntil(this.#record(response, recording, state));
        return { head, body: recording };
      } catch (cause) {
        logError("replay.run_failed", { run: state.id }, cause);
        if (state.isAdmitted) this.#interrupt(state);
        else this.ctx.waitUntil(this.#forget(state));
        throw cause;
      }
    }

    async #record(response: Response, recording: Recording, state: RunState): Promise<void> {
      const isEvents = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
      const numbering = isEvents && state.isKept ? new EventNumbering() : null;
      try {
        const chunks = response.body === null ? [] : gatherChunks(response.body, segmentBytes);
        for await (const chunk of chunks) await recording.append(numbering?.push(chunk) ?? chunk);
        if (numbering !== null) await recording.append(numbering.rest());
        this.#finish(state, "done");
        recording.end("whole");
      } catch (cause) {
        logError("replay.record_failed", { run: state.id }, cause);
        this.#interrupt(state);
        recording.end("broken");
      }
    }

    /** An earlier instance's answer. */
    #restore(state: RunState): Answered {
      if (state.head === null) throw new Error("a run that is done has a head");
      return { head: state.head, body: this.#openRecording(state, "whole") };
    }

    #openRecording(state: RunState, end: "open" | "whole"): Recording {
      this.#recording = new Recording(end, {
        storage: this.ctx.storage,
        bucket: this.env.CONTENT,
        path: this.#path(state),
        seal: async (bytes) => (await this.#openCipher()).seal(bytes),
        open: async (sealed) => (await this.#openCipher()).open(sealed),
      });
      return this.#recording;
    }

    /** The subject's key is asked of its meter and never stored here: once it is destroyed there, nothing here can be read. */
    async #openCipher() {
      this.#cipher ??= this.#createCipher();
      this.#cipher.catch(() => {
        this.#cipher = null;
      });
      return this.#cipher;
    }

    async #createCipher() {
      const [projectId, subjectId] = (this.ctx.id.name ?? "").split("/");
      const [contentKey, keys] = await Promise.all([
        this.env.METER.getByName(`${projectId}/${subjectId}`).contentKey(),
        createSecretKeys(parseSettings(this.env).PARAPET_SECRET),
      ]);
      return {
        seal: (bytes: Uint8Array<ArrayBuffer>) => keys.encryptBytes(contentKey, bytes),
        open: (sealed: Uint8Array<ArrayBuffer>) => keys.decryptBytes(contentKey, sealed),
      };
    }

    #isLost(state: RunState): boolean {
      return state.phase === "running" && this.#answered === null;
    }

    /** Whether it is as if it had never been: its time is over, or it was lost before it could do anything. */
    #isOver(state: RunState): boolean {
      if (this.#isLost(state) && !state.isAdmitted) return true;
      if (state.phase === "running") return false;
      const overdueMs = systemClock() - state.expiresAtMs;
      return overdueMs >= (this.#recording !== null && this.#recording.readers > 0 ? patienceMs : 0);
    }

    #interrupt(state: RunState): RunState {
      this.#answered = null;
      return this.#finish(state, "interrupted");
    }

    #finish(state: RunState, phase: "done" | "interrupted"): RunState {
      const expiresAtMs = state.isKept ? state.expiresAtMs : systemClock() + lingerMs;
      const finished = { ...state, phase, expiresAtMs };
      this.#save(finished);
      this.#wakeAt(expiresAtMs);
      return finished;
    }

    /** What is stored here goes at once, so that the key is free; then what lies in the bucket. */
    async #forget(state: RunState): Promise<void> {
      await this.#clear();
      if (state.head !== null) await this.#empty(this.#path(state));
    }

    async #clear(): Promise<void> {
      this.#answered = null;
      this.#recording = null;
      await Promise.all([this.ctx.storage.deleteAll(), this.ctx.storage.deleteAlarm()]);
    }

    async #empty(prefix: string): Promise<void> {
      for (;;) {
        const page = await this.env.CONTENT.list({ prefix, limit: 1000 });
        if (page.objects.length === 0) return;
        await this.env.CONTENT.delete(page.objects.map(({ key }) => key));
      }
    }

    #path(state: RunState): string {
      return `replay/${this.ctx.id.toString()}/${state.id}/`;
    }

    #wakeAt(timeMs: number): void {
      this.ctx.waitUntil(this.ctx.storage.setAlarm(timeMs));
    }

    #state(): RunState | null {
      return this.ctx.storage.kv.get<RunState>("run") ?? null;
    }

    #save(state: RunState): void {
      this.ctx.storage.kv.put("run", state);
    }

    #executionContext(): ExecutionContext {
      const context: Pick<ExecutionContext, "waitUntil" | "passThroughOnException" | "props"> = {
        waitUntil: (promise) => this.ctx.waitUntil(promise),
        passThroughOnException: () => undefined,
        props: {},
      };
      // The rest of the type is the platform's own, which a handler of HTTP requests does not use.
      return context as ExecutionContext;
    }
  };
}

function toRequest({ method, url, headers, body }: ReplayRequest): Request<unknown, IncomingRequestCfProperties> {
  // What Cloudflare's edge adds to a request is not used by the handler.
  return new Request(url, { method, headers, body }) as Request<unknown, IncomingRequestCfProperties>;
}

function respond({ head, body }: Answered, seenEvents: number): Response {
  const isEvents = head.headers.some(
    ([name, value]) => name === "content-type" && value.startsWith("text/event-stream"),
  );
  const content = body instanceof Recording ? body.stream(isEvents ? seenEvents : 0) : body;
  return new Response(bodiless.has(head.status) ? null : content, head);
}
