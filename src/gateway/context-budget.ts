import type { PromptName } from "../prompting/load-prompts.ts";
import type { SentenceBudget } from "../retrieval/number-sentences.ts";

/** Room for the sources in a grounded prompt, reserved before the search. A small model loses the thread in a long list. */
export const contextBudget = {
  "grounded-answer": { maxSentences: 40, maxTokens: 1_500 },
  "grounded-answer-small": { maxSentences: 8, maxTokens: 350 },
} satisfies Record<PromptName, SentenceBudget>;
