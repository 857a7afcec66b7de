import type { Hit } from "../../src/core/retrieval.ts";
import type { NumberedSentence } from "../../src/retrieval/number-sentences.ts";
import { sourceSentencesOf } from "../../src/retrieval/source-sentences.ts";

/** A hit on a document that consists of one chunk. */
export function hitOf(text: string, { title = "Refunds", id = "doc_refunds" } = {}): Hit {
  const chunk = {
    id: `chunk_${id}`,
    documentId: id,
    documentTitle: title,
    ordinal: 0,
    headingPath: [title],
    text,
    start: 0,
    end: text.length,
  };
  return { chunk, score: 1, lexicalScore: 1, vectorScore: null };
}

/** The sentences of a text as a model gets them, numbered from 1. */
export function numbered(text: string, about?: { title?: string; id?: string }): NumberedSentence[] {
  return sourceSentencesOf([hitOf(text, about)]).map((sentence, index) => ({ ...sentence, number: index + 1 }));
}
