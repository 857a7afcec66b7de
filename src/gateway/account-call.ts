import type { Clock } from "../core/clock.ts";
import { AppError, type ErrorCode } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { ModelCard } from "../core/model.ts";
import { priceOf, type TokenUsage } from "../core/money.ts";
import type { ParapetRequest } from "../core/parapet-extension.ts";
import type { Principal } from "../core/principal.ts";
import type { UsageRecord } from "../core/records.ts";
import type { Candidate } from "./choose-route.ts";
import type { Prompt } from "../prompting/parse-prompt.ts";

/** What all usage rows of one request have in common. */
export interface CallIdentity {
  principal: Principal;
  traceId: string;
  extension: ParapetRequest | undefined;
  prompt: Pick<Prompt, "name" | "version" | "hash"> | null;
}

export interface CallFacts {
  operation: UsageRecord["operation"];
  card: ModelCard;
  usage: TokenUsage;
  startMs: number;
  firstTokenMs: number | null;
  outputHash: string | null;
  outcome: string;
}

export const noUsage: TokenUsage = {
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  estimated: false,
};

/** The usage row of one model call, priced. */
export function usageRow(identity: CallIdentity, facts: CallFacts, clock: Clock): UsageRecord {
  const { card, usage } = facts;
  return {
    id: newId("usage"),
    atMs: facts.startMs,
    projectId: identity.principal.projectId,
    keyId: identity.principal.keyId,
    subjectId: identity.principal.subjectId,
    traceId: identity.traceId,
    operation: facts.operation,
    provider: card.provider,
    // As clients name it, so that usage and answers can be joined.
    model: card.id.slice(card.provider.length + 1),
    tier: card.tier,
    feature: identity.extension?.feature ?? null,
    task: identity.extension?.task ?? null,
    agent: identity.extension?.agent ?? null,
    promptName: identity.prompt?.name ?? null,
    promptVersion: identity.prompt?.version ?? null,
    promptHash: identity.prompt?.hash ?? null,
    inputTokens: usage.inputTokens,
    cachedInputTokens: usage.cachedInputTokens,
    cacheWriteInputTokens: usage.cacheWriteInputTokens ?? 0,
    outputTokens: usage.outputTokens,
    reasoningTokens: usage.reasoningTokens,
    costMicros: card.price === null ? 0 : priceOf(usage, card.price),
    estimated: usage.estimated,
    durationMs: Math.max(0, clock() - facts.startMs),
    timeToFirstTokenMs: facts.firstTokenMs === null ? null : Math.max(0, facts.firstTokenMs - facts.startMs),
    outputHash: facts.outputHash,
    outcome: facts.outcome,
  };
}

/** Failures after which the provider may have worked, and billed, for nobody knows how long. */
const unseenWork: readonly ErrorCode[] = ["upstream_timeout", "upstream_incomplete"];

/** Failures after which the provider has at least read the prompt. */
const mayHaveBilled: readonly ErrorCode[] = [
  "upstream_timeout",
  "upstream_incomplete",
  "upstream_invalid_response",
  "client_closed_request",
];

/**
 * The tokens of a call that failed: none when it was refused; what was seen of an answer that broke off; and its cap where
 * nothing was seen of an answer that may have been written, or thought about, all the same.
 */
export function usageOfFailure(
  cause: unknown,
  counted: { inputTokens: number; outputTokens: number; reasoningTokens?: number },
  { card, maxOutputTokens, isStream }: Pick<Candidate, "card" | "maxOutputTokens"> & { isStream: boolean },
): TokenUsage {
  const reasoningTokens = counted.reasoningTokens ?? 0;
  const seenTokens = counted.outputTokens + reasoningTokens;
  const billed = !(cause instanceof AppError) || mayHaveBilled.includes(cause.code) || seenTokens > 0;
  if (!billed) return noUsage;
  const code = codeOf(cause);
  const reasons = card.capabilities.includes("reasoning");
  // When the client left, a model that thinks before it speaks may have thought; and of a whole answer nothing is ever seen.
  const isUnseen = unseenWork.includes(code) || (code === "client_closed_request" && (reasons || !isStream));
  // What it thought before it spoke may never have been shown: what was said is no measure of it.
  const isHidden = reasons && reasoningTokens === 0;
  const outputTokens = isUnseen && (seenTokens === 0 || isHidden) ? Math.max(maxOutputTokens, seenTokens) : seenTokens;
  return { ...noUsage, inputTokens: counted.inputTokens, outputTokens, reasoningTokens, estimated: true };
}

export function codeOf(cause: unknown): ErrorCode {
  return cause instanceof AppError ? cause.code : "internal";
}
