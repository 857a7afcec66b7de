import { estimateTokenCount } from "tokenx";
import { rankSentences, type EvidenceRequest } from "./evidence.ts";
import type { SourceSentence } from "./source-sentences.ts";

/** A source sentence under the number that a model cites it by. */
export interface NumberedSentence extends SourceSentence {
  number: number;
}

export interface SentenceBudget {
  /** A tiny model answers best from about 8. */
  maxSentences: number;
  maxTokens: number;
}

/** Sentences that say less of the question than this, as a share of the best, only distract. */
const tellingShare = 0.3;

/** The most telling sentences of the hits, numbered from 1, in the order of their documents so that they read as they were written. */
export function numberSentences(
  request: EvidenceRequest,
  { maxSentences, maxTokens }: SentenceBudget,
): NumberedSentence[] {
  const ranked = rankSentences(request);
  const floor = (ranked[0]?.score ?? 0) * tellingShare;
  const chosen: SourceSentence[] = [];
  let tokens = 0;
  for (const { sentence, score } of ranked) {
    if (chosen.length === maxSentences || score < floor) break;
    const cost = estimateTokenCount(renderSentence({ ...sentence, number: 10 }));
    if (tokens + cost > maxTokens) continue;
    chosen.push(sentence);
    tokens += cost;
  }
  const order = new Map(chosen.map(({ hit }, index) => [hit.chunk.documentId, index] as const).reverse());
  return chosen
    .toSorted(
      (a, b) =>
        (order.get(a.hit.chunk.documentId) ?? 0) - (order.get(b.hit.chunk.documentId) ?? 0) || a.start - b.start,
    )
    .map((sentence, index) => ({ ...sentence, number: index + 1 }));
}

/** The sentences as a prompt's context: a line each. What looks like a closing tag in a source is defused. */
export function renderContext(sentences: readonly NumberedSentence[]): string {
  return sentences.map(renderSentence).join("\n");
}

/** The same without titles and headings, which a model of a few hundred million parameters repeats instead of answering. */
export function renderPlainContext(sentences: readonly NumberedSentence[]): string {
  return sentences.map(({ number, plain }) => asData(`[${number}] ${plain}`)).join("\n");
}

function renderSentence({ number, context, plain }: NumberedSentence): string {
  return asData(`[${number}] (${context}) ${plain}`);
}

function asData(line: string): string {
  return line.replace(/\s+/g, " ").replace(/<(?=\/?[a-z])/gi, "‹");
}
