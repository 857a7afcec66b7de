import {
  renderContext,
  renderPlainContext,
  type NumberedSentence,
  type SentenceBudget,
} from "../retrieval/number-sentences.ts";

/** How a grounded prompt presents its sources. Room for them is reserved before the search. */
interface ContextForm extends SentenceBudget {
  render(sentences: readonly NumberedSentence[]): string;
}

/** A small model loses the thread in a long list, and takes headings for facts. */
export const contextForm = {
  "grounded-answer": { maxSentences: 40, maxTokens: 1_500, render: renderContext },
  "grounded-answer-small": { maxSentences: 6, maxTokens: 350, render: renderPlainContext },
} satisfies Record<string, ContextForm>;
