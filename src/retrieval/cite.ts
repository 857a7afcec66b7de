import type { Citation } from "../core/parapet-extension.ts";
import { checkClaim } from "./check-claim.ts";
import { numbersOf, takeMarkers } from "./citation-markers.ts";
import type { NumberedSentence } from "./number-sentences.ts";
import type { SourceSentence } from "./source-sentences.ts";
import { splitSentences } from "./split-sentences.ts";

/** An answer of which every sentence carries a citation that was checked; what could not be supported is gone. */
export interface CitedAnswer {
  /** `[n]` refers to `citations[].index`, counted by first use. */
  text: string;
  citations: Citation[];
  supportedSentences: number;
  unsupportedSentences: number;
}

/** Of a cited claim's words, this share must be in its sources; of an uncited one's more, since nothing else points at them. */
const citedOverlap = 0.6;
const uncitedOverlap = 0.75;
/** A claim shares at least so many words with what it quotes, or all of its words when it has fewer. */
const citedSharedWords = 1;
const uncitedSharedWords = 3;
/** Most of what is shared must be in the quotes: an answer that lists titles and headings says nothing. */
const quotedShare = 0.4;
/** With a joint citation, a source that adds less than this is not named. */
const partialOverlap = 0.25;

/**
 * Checks an answer against the numbered sentences its model was given: each of its sentences keeps the citations that hold, is
 * attributed to the sentence that says the same where its own do not hold, or is removed.
 */
export function checkCitations({
  answerText,
  sentences,
}: {
  answerText: string;
  sentences: readonly NumberedSentence[];
}): CitedAnswer {
  const ledger = new CitationLedger();
  const text = citeText({ text: answerText, sentences, ledger });
  return ledger.finish(text);
}

/** Numbers citations by first use and counts; one for a whole answer, also when it arrives in pieces. */
export class CitationLedger {
  readonly #citations: Citation[] = [];
  #supported = 0;
  #unsupported = 0;

  /** The sentence with the marker of its verified sources before its full stop: `Refunds take 5 days [1][3].` */
  cite(sentence: string, sources: readonly SourceSentence[]): string {
    this.#supported += 1;
    const marker = sources.map((source) => `[${this.#indexOf(source)}]`).join("");
    const closing = /[.!?]+["'”’)]*$/.exec(sentence)?.[0] ?? "";
    return `${sentence.slice(0, sentence.length - closing.length)} ${marker}${closing}`;
  }

  reject(): void {
    this.#unsupported += 1;
  }

  finish(text: string): CitedAnswer {
    return {
      text: text.trim(),
      citations: this.#citations,
      supportedSentences: this.#supported,
      unsupportedSentences: this.#unsupported,
    };
  }

  #indexOf({ hit: { chunk }, start, end, quote }: SourceSentence): number {
    const known = this.#citations.find((citation) => citation.chunk_id === chunk.id && citation.start === start);
    if (known !== undefined) return known.index;
    const index = this.#citations.length + 1;
    this.#citations.push({
      index,
      document_id: chunk.documentId,
      document_title: chunk.documentTitle,
      chunk_id: chunk.id,
      start,
      end,
      quote,
    });
    return index;
  }
}

/** The supported sentences of a text with their markers and what stood between them. */
export function citeText({
  text,
  sentences,
  ledger,
}: {
  text: string;
  sentences: readonly NumberedSentence[];
  ledger: CitationLedger;
}): string {
  const marked = takeMarkers(text);
  const readable = sentences.filter(isVerbatim);
  let cited = "";
  let gapFrom = 0;
  for (const sentence of splitSentences(marked.text)) {
    const sources = verifiedSources({
      claim: sentence.text,
      numbers: numbersOf(marked, sentence),
      sentences: readable,
    });
    if (sources === null) ledger.reject();
    else cited += marked.text.slice(gapFrom, sentence.start) + ledger.cite(sentence.text, sources);
    gapFrom = sentence.end;
  }
  return cited;
}

/** The sources that carry the claim, or `null` when none do. */
function verifiedSources({
  claim,
  numbers,
  sentences,
}: {
  claim: string;
  numbers: readonly number[];
  sentences: readonly NumberedSentence[];
}): NumberedSentence[] | null {
  const cited = sentences.filter(({ number }) => numbers.includes(number));
  const single = cited.filter((source) => supports(claim, [source], citedOverlap, citedSharedWords));
  if (single.length > 0) return single;
  if (cited.length > 1 && supports(claim, cited, citedOverlap, citedSharedWords)) {
    const parts = cited.filter((source) => checkClaim(claim, [source]).overlap >= partialOverlap);
    if (parts.length > 0 && supports(claim, parts, citedOverlap, citedSharedWords)) return parts;
  }
  const best = sentences
    .filter((source) => supports(claim, [source], uncitedOverlap, uncitedSharedWords))
    .map((source) => ({ source, overlap: checkClaim(claim, [source]).overlap }))
    .sort((a, b) => b.overlap - a.overlap)[0];
  return best === undefined ? null : [best.source];
}

function supports(claim: string, sources: readonly SourceSentence[], minOverlap: number, minShared: number): boolean {
  // A question claims nothing: small models repeat the one they were asked.
  if (/\?["'”’)]*$/.test(claim)) return false;
  const { contradicted, overlap, quotedOverlap, sharedWords } = checkClaim(claim, sources);
  return contradicted === null && overlap >= minOverlap && quotedOverlap >= quotedShare && sharedWords >= minShared;
}

/** The quote is in the chunk exactly where the citation will say. */
function isVerbatim({ hit: { chunk }, start, end, quote }: SourceSentence): boolean {
  return quote.length > 0 && chunk.text.slice(start - chunk.start, end - chunk.start) === quote;
}
