import { z } from "zod";
import type { TokenUsage } from "../../core/money.ts";

/** Gemini's answers, as far as the gateway carries them (ai.google.dev/api/generate-content). Proto3 leaves out what is empty. */

/** No call has a thousandth of the most: what is above is no count, and would break the sums of the ledger. */
const count = z.int().min(0).max(1_000_000_000);

const modalityCount = z.object({ modality: z.string().nullish(), tokenCount: count.nullish() });

const usageMetadata = z.object({
  promptTokenCount: count.default(0),
  cachedContentTokenCount: count.nullish(),
  candidatesTokenCount: count.nullish(),
  thoughtsTokenCount: count.nullish(),
  /** Prompts of tools that Google runs; billed as input beside the prompt. */
  toolUsePromptTokenCount: count.nullish(),
  promptTokensDetails: z.array(modalityCount).nullish(),
  cacheTokensDetails: z.array(modalityCount).nullish(),
});
export type WireUsage = z.infer<typeof usageMetadata>;

const part = z.object({
  text: z.string().nullish(),
  /** The text is a summary of what the model thought. */
  thought: z.boolean().nullish(),
  thoughtSignature: z.string().nullish(),
  functionCall: z
    .object({ id: z.string().nullish(), name: z.string().min(1), args: z.record(z.string(), z.unknown()).nullish() })
    .nullish(),
});
export type WirePart = z.infer<typeof part>;

const logprobCandidate = z.object({ token: z.string().default(""), logProbability: z.number().default(0) });

const candidate = z.object({
  index: z.int().nullish(),
  content: z.object({ parts: z.array(part).nullish() }).nullish(),
  finishReason: z.string().nullish(),
  logprobsResult: z
    .object({
      chosenCandidates: z.array(logprobCandidate).nullish(),
      topCandidates: z.array(z.object({ candidates: z.array(logprobCandidate).nullish() })).nullish(),
    })
    .nullish(),
});
export type WireCandidate = z.infer<typeof candidate>;

/** A whole answer, or a chunk of a stream: both have this shape. */
export const generateContentResponse = z.object({
  candidates: z.array(candidate).nullish(),
  promptFeedback: z.object({ blockReason: z.string().nullish() }).nullish(),
  /** A usage nobody can read is as good as none: the gateway counts for itself then. */
  usageMetadata: usageMetadata.nullish().catch(null),
  modelVersion: z.string().nullish(),
  responseId: z.string().nullish(),
});
export type WireResponse = z.infer<typeof generateContentResponse>;

export const batchEmbedContentsResponse = z.object({
  embeddings: z.array(z.object({ values: z.array(z.number()) })),
  usageMetadata: z.object({ promptTokenCount: count }).nullish().catch(null),
});

/** google.rpc.Status, with the details that say what to do. */
const wireError = z.object({
  code: z.number().nullish().catch(null),
  message: z.string().nullish().catch(null),
  status: z.string().nullish().catch(null),
  details: z
    .array(
      z.object({
        "@type": z.string().nullish(),
        reason: z.string().nullish(),
        retryDelay: z.string().nullish(),
      }),
    )
    .nullish()
    .catch(null),
});
export type WireError = z.infer<typeof wireError>;

/** The error in a body that holds one in place of an answer, bare or in a list of one; `null` where there is none. */
export function findError(body: unknown): WireError | null {
  const holder: unknown = Array.isArray(body) ? body[0] : body;
  if (holder === null || typeof holder !== "object" || !("error" in holder) || !holder.error) return null;
  const parsed = wireError.safeParse(holder.error);
  return parsed.success ? parsed.data : {};
}

/** Gemini's count as ours: it counts thoughts beside the answer, and cached tokens in the prompt. */
export function toTokenUsage(wire: WireUsage): TokenUsage {
  const thoughts = wire.thoughtsTokenCount ?? 0;
  const audio = Math.max(audioIn(wire.promptTokensDetails) - audioIn(wire.cacheTokensDetails), 0);
  return {
    inputTokens: wire.promptTokenCount + (wire.toolUsePromptTokenCount ?? 0),
    cachedInputTokens: wire.cachedContentTokenCount ?? 0,
    ...(audio > 0 ? { audioInputTokens: audio } : {}),
    outputTokens: (wire.candidatesTokenCount ?? 0) + thoughts,
    reasoningTokens: thoughts,
    estimated: false,
  };
}

function audioIn(details: WireUsage["promptTokensDetails"]): number {
  return (details ?? []).reduce(
    (total, { modality, tokenCount }) => total + (modality === "AUDIO" ? (tokenCount ?? 0) : 0),
    0,
  );
}
