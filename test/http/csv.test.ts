import { expect, it } from "vitest";
import { csvLine } from "../../src/http/csv.ts";

it.each([
  ["plain text", ["a", "b c"], "a,b c\r\n"],
  ["numbers, truths and nothing", [1, -2, true, null], "1,-2,true,\r\n"],
  ["a comma", ["a,b"], `"a,b"\r\n`],
  ["quotes", [`say "hi"`], `"say ""hi"""\r\n`],
  ["a line break", ["a\r\nb"], `"a\r\nb"\r\n`],
  ["a formula", ["=1+1"], "'=1+1\r\n"],
  ["a formula with a comma and quotes", [`=HYPERLINK("http://x","y")`], `"'=HYPERLINK(""http://x"",""y"")"\r\n`],
  ["a plus", ["+1"], "'+1\r\n"],
  ["a minus", ["-1"], "'-1\r\n"],
  ["an at sign", ["@SUM(A1)"], "'@SUM(A1)\r\n"],
  ["a tab before a formula", ["\t=1"], "'\t=1\r\n"],
  ["a full-width equals sign", ["＝1"], "'＝1\r\n"],
  ["a formula sign inside", ["a=1"], "a=1\r\n"],
])("a line of CSV with %s", (_what, cells, expected) => {
  expect(csvLine(cells)).toBe(expected);
});
