import { beforeAll, describe, expect, it } from "vitest";
import type { ChatMessage } from "../../src/core/chat.ts";
import { declinesToAnswer, extractiveAnswer } from "../../src/retrieval/answer.ts";
import { isEvidenceSufficient } from "../../src/retrieval/evidence.ts";
import { checkCitations } from "../../src/retrieval/cite.ts";
import { numberSentences } from "../../src/retrieval/number-sentences.ts";
import { judgeCase } from "../../src/evaluation/judge-case.ts";
import { handbook } from "./handbook.ts";
import { ingestHandbook } from "./ingested-handbook.ts";
import { unseenQuestions } from "./unseen-questions.ts";

let ask: Awaited<ReturnType<typeof ingestHandbook>>;
beforeAll(async () => {
  ask = await ingestHandbook();
});

const user = (content: string): ChatMessage => ({ role: "user", content });

describe("the handbook's cases, without any model", () => {
  const answered = handbook.cases.filter(({ tags }) => !tags.includes("injection"));

  it.each(answered.map((item) => [item.id, item] as const))("%s", async (_id, item) => {
    const evidence = await ask([user(item.input)]);
    const answer = extractiveAnswer(evidence);
    // What the guardrails redact is theirs to test: here only the answer is.
    const expected = item.expected.filter(({ judge }) => judge !== "redacted");
    const outcome = {
      content: answer.text,
      errorCode: null,
      grounding: answer.grounding,
      citedDocuments: answer.citations.map(({ document_id }) => document_id),
      verdicts: [],
    };
    expect(judgeCase({ ...item, expected }, outcome)).toEqual([]);
  });

  it("quotes verbatim, at exact spans of the documents", async () => {
    const texts = new Map(handbook.documents.map(({ name, text }) => [name, text]));
    for (const item of answered) {
      for (const { document_id, start, end, quote } of extractiveAnswer(await ask([user(item.input)])).citations) {
        expect(texts.get(document_id)?.slice(start, end)).toBe(quote);
      }
    }
  });

  it("numbers the sentence that answers among those a model gets, within the budget", async () => {
    for (const { id, input, expected } of answered) {
      const wanted = expected.flatMap((item) => (item.judge === "contains" ? [item.any] : []))[0];
      if (wanted === undefined) continue;
      const sentences = numberSentences(await ask([user(input)]), { maxSentences: 8, maxTokens: 400 });
      expect(sentences.length, id).toBeLessThanOrEqual(8);
      const shown = sentences
        .map(({ plain }) => plain)
        .join(" ")
        .toLowerCase();
      expect(
        wanted.some((fact) => shown.includes(fact.toLowerCase())),
        id,
      ).toBe(true);
    }
  });
});

describe("questions that are no cases of the suite", () => {
  // Words alone cannot tell a paraphrase from another matter, so some are known to go wrong: the counts are what was measured.
  it.each([
    { name: "first", ...unseenQuestions.first, missed: 1, answered: 2 },
    { name: "second", ...unseenQuestions.second, missed: 2, answered: 2 },
  ])(
    "are answered or refused rightly, nearly all of the $name",
    async ({ answerable, unanswerable, missed, answered }) => {
      const wrong: string[] = [];
      for (const { question, document } of answerable) {
        const { citations } = extractiveAnswer(await ask([user(question)]));
        if (!citations.some(({ document_id }) => document_id === document)) wrong.push(question);
      }
      expect(wrong.length, wrong.join("\n")).toBeLessThanOrEqual(missed);
      const guessed: string[] = [];
      for (const question of unanswerable) {
        if (isEvidenceSufficient(await ask([user(question)]))) guessed.push(question);
      }
      expect(guessed.length, guessed.join("\n")).toBeLessThanOrEqual(answered);
    },
  );
});

it("answers a turn that does not stand alone from the turns before it", async () => {
  const messages: ChatMessage[] = [
    user("How many alert rules can I have on the Bay plan?"),
    { role: "assistant", content: "200." },
    user("And on Harbor?"),
  ];
  expect(extractiveAnswer(await ask(messages)).text).toMatch(/^Plan: Harbor; Alert rules: 20;/);
});

it("has no evidence in an empty collection", () => {
  const nothing = {
    hits: [],
    statistics: { chunks: 0, chunksWith: {} },
    query: { text: "", question: "", lexical: null, terms: [] },
  };
  expect(isEvidenceSufficient(nothing)).toBe(false);
  expect(extractiveAnswer(nothing)).toMatchObject({ grounding: "insufficient_evidence", citations: [] });
});

it("survives its own citation check", async () => {
  const evidence = await ask([user("How long does it take until a card refund arrives?")]);
  const { text, citations } = extractiveAnswer(evidence);
  const checked = checkCitations({
    answerText: text,
    sentences: numberSentences(evidence, { maxSentences: 20, maxTokens: 2000 }),
  });
  expect(checked.unsupportedSentences).toBe(0);
  expect(checked.citations.map(({ quote }) => quote)).toEqual(citations.map(({ quote }) => quote));
});

it.each([
  ["INSUFFICIENT", true],
  ["INSUFFICIENT.", true],
  ["**INSUFFICIENT**", true],
  ["The evidence is INSUFFICIENT", false],
  ["Insufficient funds lead to a retry [1].", false],
])("takes %j for a refusal to answer: %s", (text, declines) => {
  expect(declinesToAnswer(text)).toBe(declines);
});
