import { estimateTokenCount } from "tokenx";
import { markdownBlocks, plainBlocks, type Block, type Span } from "./document-blocks.ts";
import { splitSentences } from "./split-sentences.ts";

/** A piece of a document, not yet named: `source.slice(start, end) === text`. */
export interface Piece extends Span {
  ordinal: number;
  headingPath: string[];
  text: string;
  tableHeader?: string[];
}

export type DocumentFormat = "markdown" | "plain";

/** About the size of a paragraph or two: precise enough to cite, long enough to be found. */
export const targetTokens = 200;
/** Common embedding models read 512 tokens; the title and headings that are embedded with a chunk need some of them. */
export const maxTokens = 400;

/** Part of a block that is never cut further, and the header it needs when it is a later part of a table. */
interface Atom extends Span {
  tableHeader?: string[];
}

/**
 * Cuts a document into chunks that never cross a heading. Tables, lists and paragraphs stay whole up to `maxTokens`; beyond it
 * tables are cut between rows, lists between items, prose between sentences, and a sentence only when it alone is too long.
 */
export function chunkDocument(source: string, format: DocumentFormat): Piece[] {
  const blocks = format === "markdown" && isParseable(source) ? markdownBlocks(source) : plainBlocks(source);
  return sectionsOf(blocks)
    .flatMap((section) => packSection(source, section))
    .map((piece, ordinal) => ({ ...piece, ordinal }));
}

/** Deeper nesting, and longer paragraphs, are no documents: Markdown parsers take quadratic time over them. */
const nestedTooDeep = /^(?:[ \t]{0,3}(?:>|[-*+]|\d{1,9}[.)])[ \t]?){33}/m;
const maxParagraphCharacters = 50_000;

/** Whether a text may be given to the Markdown parser; else it is cut as plain text. */
function isParseable(source: string): boolean {
  if (nestedTooDeep.test(source)) return false;
  return !source.split(/\n[ \t]*\r?\n/).some((part) => part.length > maxParagraphCharacters && !/^\s*\|/.test(part));
}

function sectionsOf(blocks: readonly Block[]): Block[][] {
  const sections: Block[][] = [];
  for (const block of blocks) {
    const current = sections.at(-1);
    if (current !== undefined && samePath(current[0]!.headingPath, block.headingPath)) current.push(block);
    else sections.push([block]);
  }
  return sections;
}

/** Paths are compared by identity of content: two sections of one name one after the other are one section. */
function samePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((heading, index) => heading === b[index]);
}

function packSection(source: string, section: readonly Block[]): Omit<Piece, "ordinal">[] {
  const headingPath = section[0]?.headingPath ?? [];
  const packed: Atom[] = [];
  for (const atom of section.flatMap((block) => atomsOf(source, block))) {
    const current = packed.at(-1);
    // A heading between two sections of one name is no block, so a pack may span it: it is in the text, and does no harm.
    const fits = current !== undefined && tokensOf(source, { start: current.start, end: atom.end }) <= targetTokens;
    if (fits && sameHeader(current, atom)) current.end = atom.end;
    else packed.push({ ...atom });
  }
  return packed.map((atom) => ({ ...atom, headingPath, text: source.slice(atom.start, atom.end) }));
}

/** A later part of a cut table is packed with nothing else: its header would name the columns of another table too. */
function sameHeader(a: Atom, b: Atom): boolean {
  return a.tableHeader === b.tableHeader;
}

function atomsOf(source: string, block: Block): Atom[] {
  if (tokensOf(source, block) <= maxTokens) return [{ start: block.start, end: block.end }];
  if (block.kind === "text" || block.parts.length < 2) return cutProse(source, block);
  return block.parts.flatMap((part, index): Atom[] => {
    const spans = tokensOf(source, part) <= maxTokens ? [part] : cutProse(source, part);
    if (block.kind !== "table" || index === 0) return spans.map(({ start, end }) => ({ start, end }));
    return spans.map(({ start, end }) => ({ start, end, tableHeader: block.header }));
  });
}

function cutProse(source: string, span: Span): Span[] {
  const text = source.slice(span.start, span.end);
  const spans: Span[] = [];
  let from = 0;
  const sentences = splitSentences(text);
  for (const [index, sentence] of sentences.entries()) {
    // Up to the next sentence's content, so that markers between them are not lost.
    const end = index + 1 < sentences.length ? sentence.end : text.length;
    spans.push(...cutLong(source, { start: span.start + from, end: span.start + end }));
    from = end;
  }
  return spans.length > 0 ? spans : cutLong(source, span);
}

/** Halves a span at a space near its middle until each part is small enough. */
function cutLong(source: string, span: Span): Span[] {
  const trimmed = trim(source, span);
  if (trimmed.end <= trimmed.start) return [];
  if (tokensOf(source, trimmed) <= maxTokens) return [trimmed];
  const middle = trimmed.start + Math.floor((trimmed.end - trimmed.start) / 2);
  const space = source.slice(middle, trimmed.end).search(/\s/);
  const near = space >= 0 && middle + space < trimmed.end - 1 ? middle + space : middle;
  const cut = splitsSurrogatePair(source, near) ? near + 1 : near;
  return [...cutLong(source, { start: trimmed.start, end: cut }), ...cutLong(source, { start: cut, end: trimmed.end })];
}

function splitsSurrogatePair(source: string, at: number): boolean {
  return /[\uDC00-\uDFFF]/.test(source[at] ?? "") && /[\uD800-\uDBFF]/.test(source[at - 1] ?? "");
}

function trim(source: string, { start, end }: Span): Span {
  const text = source.slice(start, end);
  const first = start + (text.length - text.trimStart().length);
  return { start: first, end: Math.max(first, first + text.trim().length) };
}

function tokensOf(source: string, { start, end }: Span): number {
  return estimateTokenCount(source.slice(start, end));
}
