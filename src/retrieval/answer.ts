import { CitationLedger, type CitedAnswer } from "./cite.ts";
import { covers, rankSentences, type EvidenceRequest } from "./evidence.ts";

/** An answer from a collection, or the statement that it has none. */
export interface GroundedAnswer extends CitedAnswer {
  grounding: "grounded" | "insufficient_evidence";
}

/** What a reader gets where the sources do not answer. */
export const insufficientEvidenceText = "The documents in this collection do not answer this question.";

/** Three passages are read; more are a search result. */
const maxPassages = 3;
/** A passage is worth a place when it is nearly as telling as the best. */
const nearlyBest = 0.7;

/** The best passages verbatim (a table row with its column names), each cited: an answer without a model. */
export function extractiveAnswer(request: EvidenceRequest): GroundedAnswer {
  const ranked = rankSentences(request);
  const ledger = new CitationLedger();
  if (!covers(ranked)) return { ...ledger.finish(insufficientEvidenceText), grounding: "insufficient_evidence" };
  const floor = (ranked[0]?.score ?? 0) * nearlyBest;
  const passages = new Set<string>();
  let text = "";
  for (const { sentence, score } of ranked) {
    if (passages.size === maxPassages || score < floor) break;
    if (passages.has(sentence.plain)) continue;
    passages.add(sentence.plain);
    text += `${ledger.cite(sentence.plain, [sentence])} `;
  }
  return { ...ledger.finish(text), grounding: "grounded" };
}

/** Whether a model answered with the word that the prompt `grounded-answer` asks for when the sources do not suffice. */
export function declinesToAnswer(answerText: string): boolean {
  return /^\W*INSUFFICIENT\b/.test(answerText);
}
