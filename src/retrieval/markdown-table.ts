/** The delimiter row of a table: `| --- | :-: |`. */
const delimiterRow = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

export function isDelimiterRow(line: string): boolean {
  return line.includes("|") && delimiterRow.test(line);
}

/** The cells of a table row, trimmed; a pipe after a backslash is part of its cell. */
export function cellsOf(line: string): string[] {
  const inner = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.replaceAll("\\|", "|").trim());
}
