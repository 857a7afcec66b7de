/** What makes a spreadsheet take a cell for a formula (OWASP, "CSV injection"); line breaks too, as some skip them. */
const startsFormula = /^[=+\-@\t\r\n＝＋－＠]/;

/** One record of a CSV file (RFC 4180), with its line break. Text that a spreadsheet would run gets an apostrophe before it. */
export function csvLine(cells: readonly (string | number | boolean | null)[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

function csvCell(value: string | number | boolean | null): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const safe = startsFormula.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
