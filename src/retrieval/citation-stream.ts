import { takeMarkers } from "./citation-markers.ts";
import { citeText, CitationLedger, type CitedAnswer } from "./cite.ts";
import type { NumberedSentence } from "./number-sentences.ts";
import { splitSentences } from "./split-sentences.ts";

export interface CitationStream {
  /** Takes a piece of the model's text; answers what may be shown now: only sentences that were checked. */
  push(textDelta: string): string;
  /** What was not released yet, and the whole as `checkCitations` would have answered it. */
  finish(): { released: string; result: CitedAnswer };
}

/** Checks an answer while it is written: a sentence leaves when the next one has begun, with its citations or not at all. */
export function createCitationStream({ sentences }: { sentences: readonly NumberedSentence[] }): CitationStream {
  const ledger = new CitationLedger();
  let waiting = "";
  let shown = "";

  const release = (text: string): string => {
    const cited = citeText({ text, sentences, ledger });
    // Before the first sentence that holds there is nothing to separate it from.
    const released = shown === "" ? cited.trimStart() : cited;
    shown += released;
    return released;
  };

  return {
    push(textDelta) {
      waiting += textDelta;
      const end = settledLength(waiting);
      if (end === 0) return "";
      const settled = waiting.slice(0, end);
      waiting = waiting.slice(end);
      return release(settled);
    },
    finish() {
      const released = release(waiting);
      waiting = "";
      return { released, result: ledger.finish(shown) };
    },
  };
}

/**
 * How much of the text no continuation can change: up to the last sentence whose successor has shown a letter. A digit decides
 * nothing ("approx. 5 days" is one sentence), and a bracket may be a marker of the sentence before.
 */
function settledLength(text: string): number {
  const { text: plain } = takeMarkers(text);
  const sentences = splitSentences(plain);
  const settled = sentences.findLast((sentence) => /\p{L}/u.test(plain.slice(sentence.end)));
  return settled === undefined ? 0 : lengthWithMarkers(text, settled.end);
}

/** The length of the marked text that becomes `plainLength` characters once its markers are gone, the markers behind it included. */
function lengthWithMarkers(text: string, plainLength: number): number {
  let length = plainLength;
  for (let end = plainLength; end <= text.length; end++) {
    const taken = takeMarkers(text.slice(0, end)).text;
    if (taken.length === plainLength && !/\[[^\]]*$/.test(text.slice(0, end))) length = end;
    if (taken.trimEnd().length > plainLength && !/\[[^\]]*$/.test(taken)) break;
  }
  return length;
}
