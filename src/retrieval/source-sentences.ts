import type { Chunk, Hit } from "../core/retrieval.ts";
import { splitSentences, type Sentence } from "./split-sentences.ts";

/** A sentence of a retrieved chunk: what may be quoted. */
export interface SourceSentence {
  hit: Hit;
  kind: Sentence["kind"];
  /** Verbatim: the original document from `start` to `end`. */
  quote: string;
  start: number;
  end: number;
  /** The same for a reader: a table row with its column names, no Markdown signs, no brackets that look like a citation. */
  plain: string;
  /** Of a table row: the names of its columns, and its cells. */
  header: string[];
  cells: string[];
  /** Title and headings the sentence stands under. */
  context: string;
}

/** The sentences of the hits, best hit first; headings say what follows and are context, not evidence. */
export function sourceSentencesOf(hits: readonly Hit[]): SourceSentence[] {
  return hits.flatMap((hit) => {
    const { chunk } = hit;
    const context = contextOf(chunk);
    return splitSentences(chunk.text, { tableHeader: chunk.tableHeader ?? [] })
      .filter(({ kind }) => kind !== "heading")
      .map((sentence) => ({
        hit,
        kind: sentence.kind,
        quote: sentence.text,
        start: chunk.start + sentence.start,
        end: chunk.start + sentence.end,
        plain: plainTextOf(sentence),
        header: sentence.header,
        cells: sentence.cells,
        context,
      }));
  });
}

/** Title and headings of a chunk, without the repetition of a title that is also the first heading. */
export function contextOf({ documentTitle, headingPath }: Chunk): string {
  return [documentTitle, ...headingPath].filter((heading, index, all) => heading !== all[index - 1]).join(" > ");
}

function plainTextOf({ kind, text, cells, header }: Sentence): string {
  if (kind === "row") {
    const named = cells.map((cell, index) => (header[index] ? `${header[index]}: ${cell}` : cell));
    return `${withoutMarks(named.filter((cell) => cell !== "").join("; "))}.`;
  }
  return kind === "code" ? withoutCitations(text) : withoutMarks(text);
}

/** Markdown's signs for emphasis, code and links, gone; their text stays. */
function withoutMarks(text: string): string {
  const unlinked = text.replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1");
  const plain = unlinked
    .replace(/\*\*(\S(?:[^*]*\S)?)\*\*/g, "$1")
    .replace(/(?<![\w*])\*(\S(?:[^*]*\S)?)\*(?![\w*])/g, "$1")
    .replace(/(?<![\w_])_(\S(?:[^_]*\S)?)_(?![\w_])/g, "$1")
    .replace(/`([^`]+)`/g, "$1");
  return withoutCitations(plain.replace(/\s+/g, " "));
}

/** A source that contains `[1]` must not look as if it cited. */
function withoutCitations(text: string): string {
  return text.replace(/\[(\s*\d+(?:\s*[,;]\s*\d+)*\s*)\]/g, "($1)");
}
