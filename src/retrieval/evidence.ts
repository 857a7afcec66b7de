import type { Hit } from "../core/retrieval.ts";
import type { WordStatistics } from "./collection-store.ts";
import type { RetrievalQuery } from "./query.ts";
import { sourceSentencesOf, type SourceSentence } from "./source-sentences.ts";
import { stem } from "./stem.ts";
import { contentStemsOf } from "./terms.ts";

export interface EvidenceRequest {
  query: RetrievalQuery;
  hits: readonly Hit[];
  statistics: WordStatistics;
}

/** A sentence and how much of the question it speaks of. */
export interface RankedSentence {
  sentence: SourceSentence;
  /** The share of the question's words, weighted by rarity, that it or what it stands under contains: 0 to 1. */
  coverage: number;
  /** What it is ranked by: coverage, the hit's own score, and whether it holds the kind of fact that is asked for. */
  score: number;
}

/** Words that shape a question and are in no answer; and what people write around one. */
const questionWords = new Set(
  `allow answer anyone ask does exactly fast find get give go happen help kind know let long made make many may might much must name
  need often one oldest please possible quick quickly say soon tell thank thanks thing use want way yes`
    .split(/\s+/)
    .map(stem),
);

/** A word in the sentence counts fully, one in its column names or headings less, one elsewhere in its chunk a little. */
const contextShare = 0.7;
const chunkShare = 0.4;
const hitShare = 0.2;
const kindShare = 0.15;
/** For the row of a table that is about what the question names: `Bay` in "What does Bay cost?". */
const rowShare = 0.15;

/** A name that no chunk contains is what the question is about: "Is there a Terraform provider?". */
const unknownNameWeight = 2;

/** Chosen on the handbook suite: unanswerable questions stay below, answerable ones above (test/retrieval/answer.test.ts). */
const sufficientCoverage = 0.45;

const asksNumber =
  /\b(?:how (?:much|many|long|often|fast|soon|old|large|big|far|high)|when|what (?:time|date|price|size|percentage)|price|costs?|maximum|minimum|limit|hours)\b/i;
const asksPerson = /\bwho\b/i;

/** The sentences of the hits, most telling first. Deterministic, and without a model. */
export function rankSentences({ query, hits, statistics }: EvidenceRequest): RankedSentence[] {
  const weights = weigh(query, statistics);
  const total = sum(weights.values());
  const wantsNumber = asksNumber.test(query.question);
  const wantsName = asksPerson.test(query.question);
  const chunkStems = new Map(hits.map(({ chunk }) => [chunk.id, contentStemsOf(chunk.text)]));
  return sourceSentencesOf(hits)
    .map((sentence) => {
      const own = contentStemsOf(sentence.quote);
      const context = contentStemsOf(`${sentence.header.join(" ")} ${sentence.context}`);
      const near = chunkStems.get(sentence.hit.chunk.id) ?? new Set();
      let covered = 0;
      for (const [term, weight] of weights) {
        covered += weight * (own.has(term) ? 1 : context.has(term) ? contextShare : near.has(term) ? chunkShare : 0);
      }
      const coverage = total === 0 ? 0 : covered / total;
      const fits = (wantsNumber && /\d/.test(sentence.quote)) || (wantsName && /\s\p{Lu}/u.test(sentence.quote));
      const score =
        coverage + hitShare * sentence.hit.score + (fits ? kindShare : 0) + (isRowOf(sentence, weights) ? rowShare : 0);
      return { sentence, coverage, score };
    })
    .sort((a, b) => b.score - a.score);
}

/** Whether the sources speak of what is asked: the best sentence covers enough of it. Meant to be asked before a model is paid. */
export function isEvidenceSufficient(request: EvidenceRequest): boolean {
  return covers(rankSentences(request));
}

/** The same of sentences that are ranked already. */
export function covers(ranked: readonly RankedSentence[]): boolean {
  return ranked.some(({ coverage }) => coverage >= sufficientCoverage);
}

/** Below so many chunks counts say nothing of rarity: in a collection of one, every word of the answer is in every chunk. */
const smallCollection = 50;

/** The weight of each stem of the question: how rare it is in the collection, and of which turn it is. */
function weigh({ terms, question }: RetrievalQuery, { chunks, chunksWith }: WordStatistics): Map<string, number> {
  const names = new Set(namesWithin(question));
  const asking = terms.filter(({ stem: key }) => !questionWords.has(key) && (key.length > 1 || /\d/.test(key)));
  const counted = asking.length > 0 ? asking : terms;
  return new Map(
    counted.map((term) => {
      const found = chunksWith[term.word] ?? 0;
      const emphasis = found === 0 && names.has(term.word) ? unknownNameWeight : 1;
      const rarity = Math.log(1 + (Math.max(chunks, smallCollection) - found + 0.5) / (found + 0.5));
      return [term.stem, emphasis * term.weight * rarity];
    }),
  );
}

/** Words with a capital inside a sentence, in lower case. */
function namesWithin(question: string): string[] {
  return Array.from(question.matchAll(/(?<=[\p{L}\p{N},][ ]+)\p{Lu}[\p{L}\p{N}]+/gu), ([name]) => name.toLowerCase());
}

function isRowOf({ kind, cells }: SourceSentence, weights: ReadonlyMap<string, number>): boolean {
  const key = [...contentStemsOf(cells[0] ?? "")];
  return kind === "row" && key.length > 0 && key.every((part) => weights.has(part));
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
