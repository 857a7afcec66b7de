import { expect, it } from "vitest";
import { extractiveAnswer } from "../../src/retrieval/answer.ts";
import type { EvidenceRequest } from "../../src/retrieval/evidence.ts";
import { queryFromText } from "../../src/retrieval/query.ts";

const text = "Card refunds arrive within 5 business days.";

/** A collection of one chunk, as it is after a newcomer's first document. */
function ask(question: string): EvidenceRequest {
  const chunk = {
    id: "c",
    documentId: "d",
    documentTitle: "Refunds",
    ordinal: 0,
    headingPath: ["Refunds"],
    text,
    start: 11,
    end: 54,
  };
  const query = queryFromText(question);
  const words = ["card", "refund", "refunds", "arrive", "business", "days"];
  const chunksWith = Object.fromEntries(query.terms.map(({ word }) => [word, words.includes(word) ? 1 : 0]));
  return { query, hits: [{ chunk, score: 1, lexicalScore: 1, vectorScore: 1 }], statistics: { chunks: 1, chunksWith } };
}

it("answers from a single document", () => {
  const answer = extractiveAnswer(ask("How long do card refunds take to arrive?"));
  expect(answer).toMatchObject({ grounding: "grounded", text: `Card refunds arrive within 5 business days [1].` });
});

it("declines what the single document does not say", () => {
  expect(extractiveAnswer(ask("What is the capital of France?")).grounding).toBe("insufficient_evidence");
});
