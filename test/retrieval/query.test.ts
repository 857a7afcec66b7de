import { describe, expect, it } from "vitest";
import type { ChatMessage } from "../../src/core/chat.ts";
import { queryFromMessages, queryFromText, toMatchExpression } from "../../src/retrieval/query.ts";

const user = (content: string): ChatMessage => ({ role: "user", content });

describe("queryFromMessages", () => {
  it("searches a single question for its telling words, duplicates kept", () => {
    const query = queryFromMessages([user("What does the Bay plan cost, and what does Bay include?")]);
    expect(query.lexical).toBe('"bay" OR "plan" OR "cost" OR "bay" OR "include"');
    expect(query.text).toBe("What does the Bay plan cost, and what does Bay include?");
  });

  it("weighs the last user turn three times against the earlier ones", () => {
    const query = queryFromMessages([
      user("Bay alerts?"),
      { role: "assistant", content: "200 rules." },
      user("And Harbor?"),
    ]);
    expect(query.lexical).toBe('"bay" OR "alerts" OR "harbor" OR "harbor" OR "harbor" OR "harbor"');
    expect(query.text).toBe("Bay alerts?\nAnd Harbor?\nAnd Harbor?\nAnd Harbor?\nAnd Harbor?");
    expect(Object.fromEntries(query.terms.map(({ word, weight }) => [word, weight]))).toEqual({
      bay: 0.25,
      alerts: 0.25,
      harbor: 1,
    });
  });

  it("takes what is asked from a turn that also tells", () => {
    const query = queryFromText("My card was charged twice. When does a refund arrive?");
    expect(query.question).toBe("When does a refund arrive?");
    expect(query.terms.find(({ word }) => word === "charged")?.weight).toBe(0.25);
    expect(query.terms.find(({ word }) => word === "refund")?.weight).toBe(1);
  });

  it("keeps the latest words of a very long conversation", () => {
    const query = queryFromMessages([user("old ".repeat(5000)), user("new")]);
    expect(query.terms.map(({ word }) => word)).toContain("new");
    expect(query.lexical?.split(" OR ").length).toBeLessThanOrEqual(300);
    expect(query.text.length).toBeLessThanOrEqual(4000);
  });

  it("falls back on stop words where there is nothing else", () => {
    expect(queryFromText("What is it?").lexical).toBe('"what" OR "is" OR "it"');
  });

  it("has nothing to search for in an empty conversation", () => {
    expect(queryFromMessages([{ role: "system", content: "Be brief." }])).toMatchObject({
      lexical: null,
      text: "",
      terms: [],
    });
  });
});

it("quotes words, so that none is an operator", () => {
  expect(toMatchExpression(["not", 'say "no"'])).toBe('"not" OR "say ""no"""');
});
