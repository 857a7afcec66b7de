import type { ChatRequest } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import type { StreamPart } from "../core/model.ts";
import { sumUsage } from "../core/money.ts";
import { codeOf, noUsage, type CallIdentity } from "./account-call.ts";
import { openModelStream, type ModelStream } from "./call-model.ts";
import { callWithFallback, type FallbackCall } from "./call-with-fallback.ts";
import type { Candidate } from "./choose-route.ts";
import { advance, candidateForRest, isResumable, requestForRest, type Progress } from "./continuation.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { createSplice, misfit, prefillOf, type Splice, type SpliceMode } from "./splice.ts";
import type { Permit } from "./upstreams.ts";

export interface ResilientCall extends Omit<FallbackCall<ModelStream>, "attempt"> {
  /** As the model gets it, sources included. */
  request: ChatRequest;
  identity: CallIdentity;
}

export interface ResilientStream {
  /** One answer, whoever wrote it: the parts of one stream, its usage that of all calls it took. */
  stream: ModelStream;
  /** Whose words came last. */
  candidate(): Candidate;
}

/**
 * Opens a stream that survives its model: what fails before the first token is routed around unseen, and a text that breaks off
 * later is continued by the next candidate, or by the same one where there is no other. What cannot be joined to one answer throws
 * the failure that broke it. Every call is booked, and stands in `attempts`.
 */
export async function openResilientStream(
  call: ResilientCall,
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<ResilientStream> {
  const { request, identity, hold, attempts } = call;
  const open = (candidate: Candidate, permit: Permit) =>
    openModelStream({ candidate, request, identity, hold, permit }, scope, deps);
  const first = await callWithFallback<ModelStream>({ ...call, attempt: open });

  const progress: Progress = { text: "", isBound: !isResumable(request) };
  const broken = new Set<string>();
  let { value: current, candidate } = first;
  let splice: Splice | null = null;
  /** Of the calls that broke off. */
  let spent = noUsage;
  let left: AppError | null = null;
  const ahead: StreamPart[] = [];

  /** Turns to whoever can write the rest; throws `cause` when nobody can. */
  const resume = async (cause: unknown): Promise<void> => {
    const last = attempts.at(-1);
    if (last !== undefined) last.outcome = codeOf(cause);
    spent = sumUsage(spent, current.booked());
    broken.add(candidate.card.id);
    const mayResume = cause instanceof AppError && cause.retryable && !scope.signal.aborted && left === null;
    const rest = mayResume && !progress.isBound && progress.text.trim() !== "" ? planForRest() : null;
    if (rest === null) throw cause;
    let mode: SpliceMode = "restart";
    try {
      const resumed = await callWithFallback<ModelStream>({
        ...call,
        plan: { ...call.plan, candidates: rest },
        async attempt(next, permit) {
          const opened = await openRest(next, permit);
          mode = opened.mode;
          return opened.stream;
        },
      });
      current = resumed.value;
      candidate = resumed.candidate;
    } catch (failure) {
      // What the client has to know is why its answer ends, not why nobody could help.
      throw codeOf(failure) === "client_closed_request" ? failure : cause;
    }
    splice = createSplice(progress.text, mode);
    if (left !== null) await current.abandon(left);
  };

  /** Those that have not broken off yet, first the ones behind the broken one; the same model only where there is no other. */
  const planForRest = (): [Candidate, ...Candidate[]] | null => {
    const others = call.plan.candidates.filter(({ card }) => !broken.has(card.id));
    const usable = (others.length > 0 ? others : broken.size === 1 && spentOnce() ? [candidate] : []).flatMap(
      (next) => {
        const original = call.plan.candidates.find(({ card }) => card.id === next.card.id) ?? next;
        return candidateForRest(original, progress.text) ?? [];
      },
    );
    const [head, ...tail] = usable;
    return head === undefined ? null : [head, ...tail];
  };
  const spentOnce = () => attempts.filter(({ model }) => model === candidate.card.id).length < 2;

  const openRest = async (next: Candidate, permit: Permit): Promise<{ stream: ModelStream; mode: SpliceMode }> => {
    const openAs = (mode: SpliceMode) =>
      openModelStream(
        {
          candidate: next,
          request: requestForRest(request, { text: progress.text, mode }, deps.prompts),
          identity,
          hold,
          permit,
          tokensBefore: Math.ceil(progress.text.length / 4),
        },
        scope,
        deps,
      );
    if (next.card.prefill !== true || prefillOf(progress.text) === "")
      return { stream: await openAs("restart"), mode: "restart" };
    try {
      return { stream: await openAs("prefill"), mode: "prefill" };
    } catch (cause) {
      // Newer models take no prefill, and say so with a 400 that costs nothing.
      if (codeOf(cause) !== "upstream_rejected") throw cause;
      attempts.push({ model: next.card.id, outcome: codeOf(cause) });
      return { stream: await openAs("restart"), mode: "restart" };
    }
  };

  /** The part as the client may see it; `null` while nothing can be said yet. */
  const joined = (part: StreamPart): StreamPart | typeof misfit | null => {
    if (splice === null) return part;
    if (part.type === "start") return null;
    if (part.type === "usage") return { type: "usage", usage: sumUsage(spent, part.usage) };
    if (part.type === "text-delta") {
      const text = splice.push(part.text);
      if (text === misfit) return misfit;
      return text === "" ? null : { type: "text-delta", text };
    }
    if (part.type === "finish") {
      const text = splice.finish();
      if (text === misfit) return misfit;
      if (text === "") return part;
      ahead.push(part);
      return { type: "text-delta", text };
    }
    // A thought about how to continue is no part of the answer, and a call or a refusal is no continuation of it.
    if (part.type === "thinking-delta" || part.type === "thinking-end" || part.type === "logprobs") return null;
    return misfit;
  };

  const step = async (): Promise<StreamPart | "more" | null> => {
    const waiting = ahead.shift();
    if (waiting !== undefined) return waiting;
    let part: StreamPart | null;
    try {
      part = await current.next();
    } catch (cause) {
      await resume(cause);
      return "more";
    }
    if (part === null) return null;
    const piece = joined(part);
    if (piece !== misfit) return piece ?? "more";
    const cause = unjoined();
    await current.abandon(cause);
    await resume(cause);
    return "more";
  };

  return {
    candidate: () => candidate,
    stream: {
      async next() {
        for (;;) {
          const part = await step();
          if (part === "more") continue;
          if (part !== null) advance(progress, part);
          return part;
        }
      },
      async abandon(cause) {
        left = cause ?? new AppError("client_closed_request", "The client closed the connection.");
        await current.abandon(left);
      },
      booked: () => sumUsage(spent, current.booked()),
    },
  };
}

function unjoined(): AppError {
  return new AppError("upstream_incomplete", "The model's answer broke off, and no other could continue it.", {
    retryable: true,
  });
}
