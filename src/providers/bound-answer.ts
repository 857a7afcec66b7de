import { AppError } from "../core/errors.ts";
import type { ChatResult } from "../core/model.ts";

/** Of an answer, and of what is held back of a stream until it is whole: no model's is nearly as long. */
export const maxAnswerCharacters = 4_000_000;

/** False for an answer that nobody can have asked for: to be told before anything is searched in it. */
export function isBounded(result: ChatResult): boolean {
  const calls = result.toolCalls.reduce(
    (total, call) => total + call.function.name.length + call.function.arguments.length,
    0,
  );
  const thought = (result.thinking ?? []).reduce(
    (total, block) => total + (block.type === "thinking" ? block.thinking.length : block.data.length),
    0,
  );
  const length = (result.content?.length ?? 0) + (result.refusal?.length ?? 0) + calls + thought;
  return length <= maxAnswerCharacters;
}

export function answerTooLong(): AppError {
  return new AppError("upstream_invalid_response", "The model's answer is longer than any that was asked for.", {
    internal: `more than ${maxAnswerCharacters} characters`,
  });
}
