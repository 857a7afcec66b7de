import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scopes, type Scope } from "../../src/core/principal.ts";
import { answerKeyOf, cacheNameOf, type AnswerFacts } from "../../src/gateway/answer-key.ts";
import { ask, card, reader } from "./answers.ts";

const facts: AnswerFacts = {
  principal: reader(),
  request: ask(),
  sources: null,
  candidate: { card, maxOutputTokens: 1_000 },
  prompt: null,
};

const keyOf = (more: Partial<AnswerFacts> = {}, isShared = false, policy = "p1") =>
  answerKeyOf({ ...facts, ...more }, isShared, policy);

describe("an answer's key", () => {
  it.each([
    ["another text", { messages: [{ role: "user", content: "Hello!" }] }],
    ["another role", { messages: [{ role: "system", content: "Hello" }] }],
    [
      "one more message",
      {
        messages: [
          { role: "user", content: "Hello" },
          { role: "user", content: "" },
        ],
      },
    ],
    ["a temperature", { temperature: 0 }],
    ["top_p", { top_p: 0.5 }],
    ["top_k", { top_k: 5 }],
    ["a seed", { seed: 1 }],
    ["a stop sequence", { stop: ["x"] }],
    ["a cap", { max_completion_tokens: 100 }],
    ["a penalty", { presence_penalty: 1 }],
    ["a bias", { logit_bias: { "1": 5 } }],
    ["logprobs", { logprobs: true }],
    ["tools", { tools: [{ type: "function", function: { name: "f" } }] }],
    ["a choice of tools", { tool_choice: "none" }],
    ["parallel calls", { parallel_tool_calls: false }],
    ["a format", { response_format: { type: "json_object" } }],
    ["an effort", { reasoning_effort: "high" }],
    ["thinking", { thinking: { type: "adaptive" } }],
    ["verbosity", { verbosity: "low" }],
    ["a collection", { parapet: { collection: "col_1" } }],
  ])("changes with %s", async (_what, more) => {
    expect(await keyOf({ request: ask(more) })).not.toBe(await keyOf());
  });

  it.each<[string, Partial<AnswerFacts>]>([
    ["another model", { candidate: { card: { ...card, name: "other" }, maxOutputTokens: 1_000 } }],
    ["another provider", { candidate: { card: { ...card, provider: "other" }, maxOutputTokens: 1_000 } }],
    ["another default cap", { candidate: { card, maxOutputTokens: 999 } }],
    ["another prompt version", { prompt: { name: "grounded-answer", version: "1.1", hash: "h" } }],
    ["other sources behind the same text", { sources: [{ id: "doc_2" }] }],
    ["another project", { principal: reader({ projectId: "prj_other" }) }],
    ["another subject", { principal: reader({ subjectId: "sub_bob" }) }],
    ["another group", { principal: reader({ groups: ["staff"] }) }],
    ["the right to read collections", { principal: reader({ scopes: new Set<Scope>(["chat", "collections:read"]) }) }],
  ])("changes with %s", async (_what, more) => {
    expect(await keyOf(more)).not.toBe(await keyOf());
  });

  it("changes with the guardrails' policy", async () => {
    expect(await keyOf({}, false, "p2")).not.toBe(await keyOf());
  });

  it.each([
    ["how it travels", { stream: true, stream_options: { include_usage: true } }],
    ["how it is booked", { metadata: { a: "b" }, user: "jane", parapet: { feature: "search", task: "t", agent: "a" } }],
    ["what the request may cost", { parapet: { budget: { max_cost_micros: 5 } } }],
    ["how it asks for the cache", { parapet: { cache: { mode: "refresh", ttl_ms: 5_000 } } }],
    ["the name of the model that was asked for", { model: "scripted/ok" }],
    ["what is null", { seed: null, temperature: null }],
  ])("is the same whatever %s", async (_what, more) => {
    expect(await keyOf({ request: ask(more) })).toBe(await keyOf());
  });

  it("knows the order of a schema's fields, which is the order of the answer's", async () => {
    const schema = (names: string[]) => ({
      response_format: {
        type: "json_schema",
        json_schema: { name: "s", schema: { properties: Object.fromEntries(names.map((name) => [name, {}])) } },
      },
    });
    const [one, other] = await Promise.all([
      keyOf({ request: ask(schema(["b", "a"])) }),
      keyOf({ request: ask(schema(["a", "b"])) }),
    ]);
    expect(one).not.toBe(other);
  });
});

const readers = fc.record({
  projectId: fc.constantFrom("prj_a", "prj_b"),
  subjectId: fc.constantFrom("sub_1", "sub_2", "sub_3"),
  groups: fc.array(fc.constantFrom("staff", "eu", "staff,eu", '"', ""), { maxLength: 3 }),
  roles: fc.array(fc.constantFrom("reviewer"), { maxLength: 1 }),
  scopes: fc.subarray([...scopes]).map((list): ReadonlySet<Scope> => new Set(list)),
});

/** What a reader may find: each document may be read by one group, or by everyone. */
const libraries = fc.array(
  fc.record({ text: fc.constantFrom("A", "B", "C"), group: fc.option(fc.constantFrom("staff", "eu")) }),
  { maxLength: 4 },
);

type Reader = AnswerFacts["principal"];

describe("between any two readers of any library", () => {
  const placeOf = async (principal: Reader, library: { text: string; group: string | null }[], isShared: boolean) => {
    const found = library.filter(({ group }) => group === null || principal.groups.includes(group));
    const context = found.map(({ text }) => text).join("\n");
    const request = ask({ messages: [{ role: "user", content: `${context}\n\nWhat is said?` }] });
    const key = await answerKeyOf({ ...facts, principal, request, sources: found }, isShared, "p1");
    return { at: `${await cacheNameOf(principal, isShared)} ${key}`, found: JSON.stringify(found) };
  };

  it("an answer is never another subject's, nor another project's", async () => {
    await fc.assert(
      fc.asyncProperty(readers, readers, libraries, async (left, right, library) => {
        const [one, other] = await Promise.all([placeOf(left, library, false), placeOf(right, library, false)]);
        const isSame = left.projectId === right.projectId && left.subjectId === right.subjectId;
        if (one.at === other.at) expect(isSame).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("a shared answer is one that both could have been given: same project, same rights, same sources", async () => {
    const rightsOf = ({ groups, roles, scopes: has }: Reader) =>
      JSON.stringify([[...new Set(groups)].sort(), [...new Set(roles)].sort(), has.has("collections:read")]);
    await fc.assert(
      fc.asyncProperty(readers, readers, libraries, async (left, right, library) => {
        const [one, other] = await Promise.all([placeOf(left, library, true), placeOf(right, library, true)]);
        const mayShare = left.projectId === right.projectId && rightsOf(left) === rightsOf(right);
        expect(one.at === other.at).toBe(mayShare && one.found === other.found);
      }),
      { numRuns: 500 },
    );
  });
});
