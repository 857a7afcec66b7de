import type { ChoiceLogprob } from "../../core/chat.ts";
import { newId } from "../../core/ids.ts";
import type { StreamPart } from "../../core/model.ts";
import { sealGoogleSignature } from "../../core/sealed-reasoning.ts";
import type { StreamEvent } from "../event-stream.ts";
import { newCallId } from "../new-call-id.ts";
import { incomplete, type PartReader } from "../read-parts.ts";
import { promptBlocked } from "./map-error.ts";
import { mapFinishReason } from "./map-finish-reason.ts";
import {
  findError,
  generateContentResponse,
  toTokenUsage,
  type WireCandidate,
  type WireError,
  type WirePart,
  type WireUsage,
} from "./wire.ts";

export interface EventReaderOptions {
  provider: string;
  /** What the answer is called where the provider does not say. */
  model: string;
  /** Hands out the signature of the answer's text: a caller that wants no thinking would only carry it around. */
  withSignature: boolean;
  onError(error: WireError): Error;
}

/** Reads Gemini's chunks, of which a whole answer is the only one. Nothing marks their end but a finish reason. */
export function createEventReader({
  provider,
  model,
  withSignature,
  onError,
}: EventReaderOptions): PartReader & { readResponse(value: unknown): StreamPart[] } {
  let isStarted = false;
  let callCount = 0;
  let thought = "";
  let signature: string | null = null;
  let finish: string | null = null;
  let usage: WireUsage | null = null;

  const endThought = (): StreamPart[] => {
    if (thought === "") return [];
    const block = { type: "thinking" as const, thinking: thought };
    thought = "";
    return [{ type: "thinking-end", block }];
  };

  const readPart = (part: WirePart): StreamPart[] => {
    if (part.thought === true) {
      thought += part.text ?? "";
      return part.text ? [{ type: "thinking-delta", text: part.text }] : [];
    }
    if (part.functionCall) {
      const { id, name, args } = part.functionCall;
      return [
        ...endThought(),
        {
          type: "tool-call-delta",
          index: callCount++,
          id: id || newCallId(),
          name,
          arguments: JSON.stringify(args ?? {}),
          ...(part.thoughtSignature ? { extraContent: { google: { thought_signature: part.thoughtSignature } } } : {}),
        },
      ];
    }
    signature = part.thoughtSignature ?? signature;
    return part.text ? [...endThought(), { type: "text-delta", text: part.text }] : [];
  };

  const readResponse = (value: unknown): StreamPart[] => {
    const error = findError(value);
    if (error !== null) throw onError(error);
    const response = generateContentResponse.parse(value);
    const parts: StreamPart[] = [];
    if (!isStarted) {
      isStarted = true;
      parts.push({
        type: "start",
        id: response.responseId || newId("completion"),
        model: response.modelVersion || model,
      });
    }
    // Each chunk counts all there was so far.
    usage = response.usageMetadata ?? usage;
    const candidate = response.candidates?.find((each) => (each.index ?? 0) === 0);
    const blockReason = response.promptFeedback?.blockReason;
    if (blockReason && !candidate?.finishReason) throw promptBlocked(blockReason, provider);
    for (const part of candidate?.content?.parts ?? []) parts.push(...readPart(part));
    const logprobs = candidate === undefined ? [] : readLogprobs(candidate);
    if (logprobs.length > 0) parts.push({ type: "logprobs", content: logprobs });
    finish = candidate?.finishReason ?? finish;
    return parts;
  };

  return {
    readResponse,
    read: ({ data }: StreamEvent) => readResponse(JSON.parse(data)),
    isDone: () => false,
    end() {
      if (finish === null) throw incomplete(provider, "broke off its answer before it was finished");
      const reason = mapFinishReason(finish, callCount > 0, provider);
      const parts = endThought();
      if (signature !== null && withSignature) {
        parts.push({ type: "thinking-end", block: sealGoogleSignature(signature) });
      }
      parts.push({ type: "finish", reason });
      if (usage !== null) parts.push({ type: "usage", usage: toTokenUsage(usage) });
      return parts;
    },
  };
}

const encoder = new TextEncoder();

function readLogprobs({ logprobsResult }: WireCandidate): ChoiceLogprob[] {
  const top = logprobsResult?.topCandidates ?? [];
  const toLogprob = ({ token, logProbability }: { token: string; logProbability: number }) => ({
    token,
    logprob: logProbability,
    bytes: [...encoder.encode(token)],
  });
  return (logprobsResult?.chosenCandidates ?? []).map((chosen, index) => ({
    ...toLogprob(chosen),
    top_logprobs: (top[index]?.candidates ?? []).map(toLogprob),
  }));
}
