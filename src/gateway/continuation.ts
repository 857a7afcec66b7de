import type { ChatRequest } from "../core/chat.ts";
import type { StreamPart } from "../core/model.ts";
import { upperBoundOf } from "../core/money.ts";
import { renderPrompt } from "../prompting/parse-prompt.ts";
import type { PromptLibrary } from "../prompting/load-prompts.ts";
import { boundTokens } from "./bound-tokens.ts";
import type { Candidate } from "./choose-route.ts";
import { estimateTokens } from "./estimate-tokens.ts";
import { anchorOf, prefillOf, type SpliceMode } from "./splice.ts";

/** Below this there is nothing left to say within the request's own cap. */
const minimumRestTokens = 16;

/** What is longer is not kept, so that an endless stream needs no endless memory; hardly a window could take it as a beginning. */
const maxResumableLength = 400_000;

/** What of a broken answer the client has seen, and whether another model could finish it. */
export interface Progress {
  text: string;
  /** Something left that only its own model could continue. */
  isBound: boolean;
}

/**
 * Text alone can be continued by another: half a tool call, a thought signed for its own model, or the start of a refusal cannot.
 * The sources of a grounded answer bind nobody: both models get them, and every sentence is checked after the splice.
 */
export function advance(progress: Progress, part: StreamPart): void {
  switch (part.type) {
    case "text-delta":
      if (progress.isBound) return;
      progress.text += part.text;
      if (progress.text.length <= maxResumableLength) return;
      progress.isBound = true;
      progress.text = "";
      return;
    case "start":
      return;
    case "tool-call-delta":
    case "refusal-delta":
    case "thinking-delta":
    case "thinking-end":
    case "logprobs":
    case "finish":
    case "usage":
      progress.isBound = true;
  }
}

/** A request whose answer is one text: no JSON, whose halves two models would form differently, and no second choice. */
export function isResumable(request: ChatRequest): boolean {
  const isText = request.response_format === undefined || request.response_format.type === "text";
  return isText && request.logprobs !== true && (request.n ?? 1) === 1;
}

/** The candidate with what is left of its tokens, and the price of reading the beginning; `null` when nothing is left. */
export function candidateForRest(candidate: Candidate, text: string): Candidate | null {
  const maxOutputTokens = candidate.maxOutputTokens - estimateTokens(text);
  const { price } = candidate.card;
  if (maxOutputTokens < minimumRestTokens || price === null) return null;
  const extra = upperBoundOf({ input: boundTokens(text) + instructionTokens, output: 0 }, price);
  return { ...candidate, maxOutputTokens, boundMicros: candidate.boundMicros + extra };
}

/** The prompt `continue-answer` with its anchor, generously. */
const instructionTokens = 400;

/** The request that makes a model write the rest of a text. */
export function requestForRest(
  request: ChatRequest,
  { text, mode }: { text: string; mode: SpliceMode },
  prompts: PromptLibrary,
): ChatRequest {
  if (mode === "prefill")
    return { ...request, messages: [...request.messages, { role: "assistant", content: prefillOf(text) }] };
  const instruction = renderPrompt(prompts.current("continue-answer").user, { anchor: anchorOf(text) });
  return {
    ...request,
    messages: [...request.messages, { role: "assistant", content: text }, { role: "user", content: instruction }],
  };
}
