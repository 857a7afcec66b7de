import type { Nodes, Table } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmTableFromMarkdown } from "mdast-util-gfm-table";
import { gfmTable } from "micromark-extension-gfm-table";
import { cellsOf } from "./markdown-table.ts";

export interface Span {
  start: number;
  end: number;
}

/** A block of a document: what is kept together when it fits, and the places where it may be cut when it does not. */
export interface Block extends Span {
  headingPath: string[];
  kind: "text" | "list" | "table" | "code";
  /** Where it may be cut: list items, table rows, lines of code. Prose is cut between sentences. */
  parts: Span[];
  /** Of a table: its header's cells. */
  header: string[];
}

/** The blocks of a Markdown document in order, with the headings above each; the headings themselves are no blocks. */
export function markdownBlocks(source: string): Block[] {
  const tree = fromMarkdown(source, { extensions: [gfmTable()], mdastExtensions: [gfmTableFromMarkdown()] });
  const blocks: Block[] = [];
  let headings: { depth: number; text: string }[] = [];
  for (const node of tree.children) {
    const span = spanOf(node);
    if (node.type === "heading") {
      headings = [
        ...headings.filter(({ depth }) => depth < node.depth),
        { depth: node.depth, text: plainTextOf(node) },
      ];
      continue;
    }
    if (node.type === "thematicBreak" || node.type === "definition") continue;
    blocks.push({ ...span, headingPath: headings.map(({ text }) => text), ...cutsOf(node, source, span) });
  }
  return blocks;
}

/** The paragraphs of a plain text: what stands between blank lines. */
export function plainBlocks(source: string): Block[] {
  const blocks: Block[] = [];
  for (const match of source.matchAll(/\S(?:[^\n\r]|\r?\n(?!\s*?\r?\n)|\r(?!\n))*/g)) {
    const end = match.index + match[0].trimEnd().length;
    blocks.push({ start: match.index, end, headingPath: [], kind: "text", parts: [], header: [] });
  }
  return blocks;
}

function cutsOf(node: Nodes, source: string, span: Span): Pick<Block, "kind" | "parts" | "header"> {
  if (node.type === "list") return { kind: "list", parts: node.children.map(spanOf), header: [] };
  if (node.type === "table") return { kind: "table", parts: rowsOf(node, span), header: headerOf(node, source) };
  if (node.type === "code") return { kind: "code", parts: linesOf(source, span), header: [] };
  return { kind: "text", parts: [], header: [] };
}

/** The first part holds the header, its delimiter row and the first row, which say nothing apart. */
function rowsOf(table: Table, span: Span): Span[] {
  const rows = table.children.map(spanOf);
  return rows.length < 3 ? [span] : [{ start: span.start, end: rows[1]!.end }, ...rows.slice(2)];
}

function headerOf(table: Table, source: string): string[] {
  const first = table.children[0];
  if (first === undefined) return [];
  const { start, end } = spanOf(first);
  return cellsOf(source.slice(start, end));
}

function linesOf(source: string, { start, end }: Span): Span[] {
  return Array.from(source.slice(start, end).matchAll(/[^\n]+/g), (match) => ({
    start: start + match.index,
    end: start + match.index + match[0].length,
  }));
}

function plainTextOf(node: Nodes): string {
  if ("value" in node) return node.value;
  if ("alt" in node) return node.alt ?? "";
  return "children" in node ? node.children.map(plainTextOf).join("") : "";
}

function spanOf(node: Nodes): Span {
  const start = node.position?.start.offset;
  const end = node.position?.end.offset;
  if (start === undefined || end === undefined) throw new Error(`The Markdown parser gave a ${node.type} no position.`);
  return { start, end };
}
