import { estimateTokenCount } from "tokenx";
import { describe, expect, it } from "vitest";
import { handbook } from "./handbook.ts";
import { chunkDocument, maxTokens, type DocumentFormat, type Piece } from "../../src/retrieval/chunk.ts";

const documents = handbook.documents;

/** A small seeded generator, so that a failure can be repeated. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

function randomMarkdown(seed: number): string {
  const random = randomOf(seed);
  const pick = <T>(options: readonly T[]): T => options[Math.floor(random() * options.length)]!;
  const words = (count: number) =>
    Array.from({ length: count }, () =>
      pick(["Gas", "meter", "*slow*", "日本語", "e.g.", "naïve", "👩‍🔧", "3.5", "`x|y`", "end."]),
    ).join(" ");
  const blocks = [
    () => `${"#".repeat(1 + Math.floor(random() * 4))} ${words(3)}`,
    () => `${words(1 + Math.floor(random() * 60))}.`,
    () => `${words(1 + Math.floor(random() * 700))}.`,
    () => Array.from({ length: 1 + Math.floor(random() * 9) }, () => `${pick(["- ", "  - "])}${words(5)}`).join("\n"),
    () =>
      `| A | B |\n| - | - |\n${Array.from({ length: Math.floor(random() * 90) }, () => `| ${words(2).replaceAll("|", "")} | ${words(2).replaceAll("|", "")} |`).join("\n")}`,
    () => `\`\`\`\n${words(30)}\n\n# not a heading\n\`\`\``,
    () => `> ${words(12)}\n> ${words(4)}`,
    () => "x".repeat(Math.floor(random() * 6000)),
    () => "---",
  ];
  const newline = pick(["\n", "\r\n"]);
  const source = Array.from({ length: 1 + Math.floor(random() * 12) }, () => pick(blocks)()).join("\n\n");
  return pick(["", "\uFEFF", "\n\n "]) + source.replaceAll("\n", newline);
}

function expectExactSpans(source: string, pieces: readonly Piece[]): void {
  let last = 0;
  for (const [index, piece] of pieces.entries()) {
    expect(source.slice(piece.start, piece.end)).toBe(piece.text);
    expect(piece.ordinal).toBe(index);
    expect(piece.start).toBeGreaterThanOrEqual(last);
    expect(piece.text.trim()).not.toBe("");
    expect(estimateTokenCount(piece.text)).toBeLessThanOrEqual(maxTokens);
    last = piece.end;
  }
}

describe("chunkDocument", () => {
  it.each(["markdown", "plain"] satisfies DocumentFormat[])(
    "gives exact, ordered, bounded spans of any %s text",
    (format) => {
      for (let seed = 1; seed <= 150; seed++) {
        const source = randomMarkdown(seed);
        expectExactSpans(source, chunkDocument(source, format));
      }
    },
  );

  it("loses no letter of a plain text", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const source = randomMarkdown(seed);
      const kept = chunkDocument(source, "plain")
        .map(({ text }) => text)
        .join("");
      expect(kept.replace(/\s/g, "")).toBe(source.replace(/[\s\uFEFF]/g, ""));
    }
  });

  it("loses nothing of a Markdown document but its headings", () => {
    for (const { text } of documents) {
      const kept = chunkDocument(text, "markdown")
        .map((piece) => piece.text)
        .join("");
      expect(kept.replace(/\s/g, "")).toBe(text.replace(/^#.*$/gm, "").replace(/\s/g, ""));
    }
  });

  it("gives each chunk the headings it stands under", () => {
    const source =
      "# Billing\n\nIntro.\n\n## Refunds\n\nWithin 14 days.\n\n### Cards\n\nFive days.\n\n## Taxes\n\nVAT.";
    expect(chunkDocument(source, "markdown").map(({ headingPath, text }) => [headingPath.join(" > "), text])).toEqual([
      ["Billing", "Intro."],
      ["Billing > Refunds", "Within 14 days."],
      ["Billing > Refunds > Cards", "Five days."],
      ["Billing > Taxes", "VAT."],
    ]);
  });

  it("keeps a table whole while it fits", () => {
    const table = `| Plan | Price |\n| --- | --- |\n${Array.from({ length: 15 }, (_, row) => `| Plan ${row} | $${row} |`).join("\n")}`;
    expect(chunkDocument(`# T\n\n${table}`, "markdown").map(({ text }) => text)).toEqual([table]);
  });

  it("cuts a table that does not fit between rows, and names the columns for the later parts", () => {
    const table = `| Plan | Price |\n| --- | --- |\n${Array.from({ length: 200 }, (_, row) => `| Plan ${row} | $${row} |`).join("\n")}`;
    const pieces = chunkDocument(table, "markdown");
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces[0]?.tableHeader).toBeUndefined();
    for (const piece of pieces.slice(1)) {
      expect(piece.tableHeader).toEqual(["Plan", "Price"]);
      expect(piece.text).toMatch(/^\| Plan \d+ [^]* \|$/);
    }
  });

  it("cuts long prose between sentences", () => {
    const prose = Array.from(
      { length: 120 },
      (_, index) => `Sentence number ${index} says a little more than the one before it.`,
    ).join(" ");
    const pieces = chunkDocument(prose, "plain");
    expect(pieces.length).toBeGreaterThan(2);
    for (const { text } of pieces) expect(text).toMatch(/^Sentence [^]*it\.$/);
  });
});
