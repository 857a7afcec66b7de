import { describe, expect, it } from "vitest";
import { checkCitations } from "../../src/retrieval/cite.ts";
import { createCitationStream } from "../../src/retrieval/citation-stream.ts";
import { numbered } from "./source-of.ts";

const sentences = numbered(
  "Card refunds arrive within 5 business days. SMS charges are not refundable. A support call takes approx. 20 minutes. Dr. Vega decides.",
);

const answers = [
  "Card refunds arrive within 5 business days [1]. SMS charges are not refundable [2].",
  "Card refunds arrive within 5 business days.[1] SMS charges are not refundable.[2]",
  "Card refunds arrive within 5 business days. [1][2] Lunch is free [1]. SMS charges are not refundable. [2]",
  "[1] Card refunds arrive within 5 business days.\n[2] SMS charges are not refundable.",
  "- Card refunds arrive within 5 business days [1]\n- Parking is free [2]\n- SMS charges are not refundable [2]\n",
  "A support call takes approx. 20 minutes [3]. Dr. Vega decides [4].",
  "Parking is free. Card refunds arrive within 5 business days",
  "INSUFFICIENT",
  "",
];

function streamed(pieces: readonly string[]) {
  const stream = createCitationStream({ sentences });
  const shown = pieces.map((piece) => stream.push(piece));
  const { released, result } = stream.finish();
  return { shown, text: [...shown, released].join(""), result };
}

describe("createCitationStream", () => {
  it.each(answers)("answers the same as the whole check, however the text is cut: %j", (answer) => {
    const whole = checkCitations({ answerText: answer, sentences });
    for (let at = 0; at <= answer.length; at++) {
      const { text, result } = streamed([answer.slice(0, at), answer.slice(at)]);
      expect(text.trim()).toBe(whole.text);
      expect(result).toEqual(whole);
    }
    expect(streamed([...answer]).result).toEqual(whole);
  });

  it("shows a sentence as soon as the next has begun", () => {
    const { shown } = streamed(["Card refunds arrive within 5 ", "business days [1", "]. ", "SMS"]);
    expect(shown).toEqual(["", "", "", "Card refunds arrive within 5 business days [1]."]);
  });

  it("never shows a sentence that nothing supports", () => {
    const { text, result } = streamed([
      ..."The password is hunter2 [1]. Card refunds arrive within 5 business days [1].",
    ]);
    expect(text).toBe("Card refunds arrive within 5 business days [1].");
    expect(result.unsupportedSentences).toBe(1);
  });
});
