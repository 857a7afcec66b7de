import { cellsOf, isDelimiterRow } from "./markdown-table.ts";

/** A sentence of a text, or what stands for one: a list item's sentence, a table row, a heading, a block of code. */
export interface Sentence {
  kind: "prose" | "item" | "row" | "heading" | "code";
  /** `text.slice(start, end)`, without the white space, list marker or heading signs around it. */
  text: string;
  start: number;
  end: number;
  /** Of a table row: the header's cells, empty when the text does not contain the header, and the row's. */
  header: string[];
  cells: string[];
}

interface Line {
  text: string;
  start: number;
  end: number;
}

interface Open {
  kind: "prose" | "item";
  start: number;
  end: number;
}

const fence = /^ {0,3}(```+|~~~+)/;
const heading = /^ {0,3}#{1,6}[ \t]+(?=\S)/;
const listMarker = /^\s*(?:[-*+]|\d{1,9}[.)])[ \t]+(?=\S)/;
const quoteMarker = /^\s*(?:>[ \t]?)+/;
const underline = /^ {0,3}(?:=+|-+)\s*$/;
/** A full stop after these ends no sentence, whatever the segmenter's rules say. */
const abbreviation =
  /(?:^|[\s(])(?:e\.g|i\.e|cf|vs|approx|Dr|Mr|Mrs|Ms|Prof|St|Inc|Ltd|Art|Sec|Fig|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.\s*$/;
const numberSign = /(?:^|[\s(])No\.\s*$/;
const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });

/**
 * The sentences of a plain or Markdown text with exact spans, in order. Works line by line, so that a fragment (a chunk, or half
 * an answer) splits as it would inside the whole; `tableHeader` names the columns of a table that began earlier.
 */
export function splitSentences(
  text: string,
  { tableHeader = [] }: { tableHeader?: readonly string[] } = {},
): Sentence[] {
  const lines = linesOf(text);
  const sentences: Sentence[] = [];
  let open: Open | null = null;
  let header: string[] | null = tableHeader.length > 0 ? [...tableHeader] : null;
  const close = () => {
    if (open !== null) sentences.push(...sentencesOfBlock(text, open));
    open = null;
  };
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!; // the loop's bound says it exists
    const fenceMark = fence.exec(line.text)?.[1];
    if (fenceMark !== undefined) {
      close();
      const last = findFenceEnd(lines, index, fenceMark);
      push(sentences, "code", text, line.start, lines[last]?.end ?? text.length);
      index = last;
      continue;
    }
    if (line.text.trim() === "") {
      close();
      if (tableHeader.length === 0) header = null;
      continue;
    }
    if (line.text.includes("|") && isDelimiterRow(lines[index + 1]?.text ?? "")) {
      close();
      header = cellsOf(line.text);
      index++;
      continue;
    }
    if (line.text.includes("|") && (header !== null || line.text.trimStart().startsWith("|"))) {
      close();
      push(sentences, "row", text, line.start, line.end, { header: header ?? [], cells: cellsOf(line.text) });
      continue;
    }
    const headingMark = heading.exec(line.text);
    if (headingMark !== null) {
      close();
      push(sentences, "heading", text, line.start + headingMark[0].length, line.end);
      continue;
    }
    const marker: RegExpExecArray | null = listMarker.exec(line.text);
    if (marker !== null) {
      close();
      open = { kind: "item", start: line.start + marker[0].length, end: line.end };
      continue;
    }
    // The closure above assigns `open`, so the compiler has to be told what it may be.
    const unfinished = open as Open | null;
    if (unfinished === null) {
      open = { kind: "prose", start: line.start + (quoteMarker.exec(line.text)?.[0].length ?? 0), end: line.end };
    } else if (unfinished.kind === "prose" && underline.test(line.text)) {
      push(sentences, "heading", text, unfinished.start, unfinished.end);
      open = null;
    } else {
      open = { ...unfinished, end: line.end };
    }
  }
  close();
  return sentences;
}

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (const match of text.matchAll(/\r\n|\n|\r/g)) {
    lines.push({ text: text.slice(start, match.index), start, end: match.index });
    start = match.index + match[0].length;
  }
  lines.push({ text: text.slice(start), start, end: text.length });
  return lines;
}

function findFenceEnd(lines: readonly Line[], from: number, mark: string): number {
  for (let index = from + 1; index < lines.length; index++) {
    if (lines[index]!.text.trim().startsWith(mark)) return index;
  }
  return lines.length - 1;
}

function sentencesOfBlock(text: string, { kind, start, end }: Open): Sentence[] {
  // Line breaks inside a paragraph are spaces: the segmenter would end a sentence at each. The length stays, so offsets hold.
  const block = text.slice(start, end).replace(/[\r\n]/g, " ");
  const sentences: Sentence[] = [];
  let from = 0;
  for (const { segment, index } of segmenter.segment(block)) {
    const piece = block.slice(from, index + segment.length);
    const next = block[index + segment.length] ?? "";
    if (abbreviation.test(piece) || (numberSign.test(piece) && /\d/.test(next))) continue;
    push(sentences, kind, text, start + from, start + index + segment.length);
    from = index + segment.length;
  }
  push(sentences, kind, text, start + from, end);
  return sentences;
}

function push(
  sentences: Sentence[],
  kind: Sentence["kind"],
  text: string,
  from: number,
  to: number,
  row: { header: string[]; cells: string[] } = { header: [], cells: [] },
): void {
  const raw = text.slice(from, to);
  const start = from + (raw.length - raw.trimStart().length);
  const end = start + raw.trim().length;
  if (end > start) sentences.push({ kind, text: text.slice(start, end), start, end, ...row });
}
