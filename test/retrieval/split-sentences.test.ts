import { describe, expect, it } from "vitest";
import { splitSentences } from "../../src/retrieval/split-sentences.ts";
import { handbook } from "./handbook.ts";

const textsOf = (text: string) => splitSentences(text).map((sentence) => sentence.text);

describe("splitSentences", () => {
  it.each([
    ["abbreviations", "Use e.g. MQTT. See Dr. Vega for No. 5.", ["Use e.g. MQTT.", "See Dr. Vega for No. 5."]],
    ["figures", "It costs $3.50 a month. Version 1.2 is old.", ["It costs $3.50 a month.", "Version 1.2 is old."]],
    ["wrapped lines", "Refunds take\nfive days. They are\nfree.", ["Refunds take\nfive days.", "They are\nfree."]],
    [
      "a list",
      "Accepted:\n- Visa\n- Amex. Not Diners.\n2. Cash",
      ["Accepted:", "Visa", "Amex.", "Not Diners.", "Cash"],
    ],
    ["questions and shouts", "Really? Yes! Good.", ["Really?", "Yes!", "Good."]],
    ["a quotation", "> Please wait.\n> Thank you.", ["Please wait.", "> Thank you."]],
    ["Chinese", "退款需要五天。请等待。", ["退款需要五天。", "请等待。"]],
  ])("splits %s", (_name, text, sentences) => {
    expect(textsOf(text)).toEqual(sentences);
  });

  it("gives table rows the header's cells, and the header is no sentence", () => {
    const rows = splitSentences("| Plan | Price |\n| --- | --- |\n| Bay | $149 |\n| A \\| B | $1 |");
    expect(rows.map(({ kind, header, cells }) => ({ kind, header, cells }))).toEqual([
      { kind: "row", header: ["Plan", "Price"], cells: ["Bay", "$149"] },
      { kind: "row", header: ["Plan", "Price"], cells: ["A | B", "$1"] },
    ]);
  });

  it("takes the header of a table that began in an earlier chunk", () => {
    expect(splitSentences("| Bay | $149 |", { tableHeader: ["Plan", "Price"] })[0]?.header).toEqual(["Plan", "Price"]);
  });

  it("tells headings and code from prose", () => {
    const kinds = splitSentences("# Title\n\nText.\n\nOld\n===\n\n```\na. B\n\nc\n```").map(({ kind }) => kind);
    expect(kinds).toEqual(["heading", "prose", "heading", "code"]);
  });

  it("gives exact spans in order", () => {
    for (const { text } of handbook.documents) {
      let last = 0;
      for (const sentence of splitSentences(text)) {
        expect(text.slice(sentence.start, sentence.end)).toBe(sentence.text);
        expect(sentence.start).toBeGreaterThanOrEqual(last);
        last = sentence.end;
      }
    }
  });
});
