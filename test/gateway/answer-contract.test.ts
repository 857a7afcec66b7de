import { describe, expect, it } from "vitest";
import type { ChatRequest } from "../../src/core/chat.ts";
import { contractOf } from "../../src/gateway/answer-contract.ts";

const messages: ChatRequest["messages"] = [{ role: "user", content: "Hi" }];

function forSchema(schema: Record<string, unknown>) {
  return contractOf({
    model: "auto",
    messages,
    response_format: { type: "json_schema", json_schema: { name: "answer", schema } },
  });
}

const person = {
  type: "object",
  properties: {
    name: { type: "string" },
    parent: { $ref: "#" },
    tags: { type: "array", items: { $ref: "#/$defs/tag" } },
  },
  required: ["name"],
  additionalProperties: false,
  $defs: { tag: { enum: ["a", "b"] } },
};

describe("an answer that must fit a schema", () => {
  it.each([
    ["fits", '{"name":"Ada"}', 0],
    ["fits a reference to the whole", '{"name":"Ada","parent":{"name":"Byron"}}', 0],
    ["lacks what is required", "{}", 1],
    ["has more than is allowed", '{"name":"Ada","age":36}', 1],
    ["breaks a referenced definition", '{"name":"Ada","tags":["c"]}', 1],
    ["is no JSON", "Ada", 1],
    ["is JSON inside a fence", '```json\n{"name":"Ada"}\n```', 1],
  ])("%s", (_case, text, least) => {
    const problems = forSchema(person).checkText(text);
    if (least === 0) expect(problems).toEqual([]);
    else expect(problems.length).toBeGreaterThanOrEqual(least);
  });

  it("says where it is wrong, most precise first", () => {
    expect(forSchema(person).checkText('{"name":"Ada","tags":["a","c"]}')[0]).toContain("/tags/1");
  });

  it("leaves the request's own schema as it was", () => {
    const before = JSON.stringify(person);
    forSchema(person).checkText("{}");
    expect(JSON.stringify(person)).toBe(before);
  });
});

describe("a schema that cannot be checked is refused before anything costs", () => {
  it.each([
    ["a reference to another document", { $ref: "https://example.com/schema.json" }],
    ["a reference to nothing", { $ref: "#/$defs/missing" }],
    ["a pattern that is none", { type: "string", pattern: "(" }],
    ["a reference that cannot be decoded", { $ref: "#/%" }],
    ["a reference to itself", { $ref: "#" }],
    ["a definition that is itself", { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/a" } } }],
    ["names of properties by a pattern that is none", { patternProperties: { "(": {} } }],
    ["a property that is called like a keyword", { properties: { default: { $ref: "#/missing" } } }],
    ["properties that are none", { properties: null }],
    ["a property without a schema", { properties: { name: null } }],
    ["items without a schema", { items: null }],
    ["alternatives that are no list", { anyOf: {} }],
    ["choices that are no list", { enum: "a" }],
    ["endless nesting", JSON.parse(`${'{"items":'.repeat(80)}{}${"}".repeat(80)}`)],
  ])("%s", (_case, schema) => {
    expect(() => forSchema(schema)).toThrowError(
      expect.objectContaining({ code: "invalid_request", param: "response_format.json_schema.schema" }),
    );
  });

  it("but a property may be called anything", () => {
    const schema = { type: "object", properties: { pattern: { type: "string" }, $ref: { type: "string" } } };
    expect(forSchema(schema).checkText('{"pattern":"("}')).toEqual([]);
  });
});

it("blames the schema for what only an answer brings to light", () => {
  const loop = { allOf: [{ $ref: "#" }] };
  expect(() => forSchema(loop).checkText("{}")).toThrowError(
    expect.objectContaining({ code: "invalid_request", param: "response_format.json_schema.schema" }),
  );
});

describe("a tool call", () => {
  const contract = contractOf({
    model: "auto",
    messages,
    tools: [
      { type: "function", function: { name: "look_up", parameters: person } },
      { type: "function", function: { name: "stop" } },
    ],
  });
  const call = (name: string, text: string) =>
    contract.checkCall({ id: "call_1", type: "function", function: { name, arguments: text } });

  it("may leave out arguments where there are none", () => expect(call("stop", "")).toEqual([]));
  it("must fit its tool's parameters", () => expect(call("look_up", '{"name":7}')).not.toEqual([]));
  it("must name a tool there is", () => expect(call("delete_all", "{}")[0]).toContain("look_up, stop"));
});

describe("a schema that cannot be checked", () => {
  const bomb = Object.fromEntries(
    Array.from({ length: 30 }, (_none, index) => {
      const next = { $ref: `#/$defs/d${index + 1}` };
      return [`d${index}`, index === 29 ? {} : { allOf: [next, next] }];
    }),
  );
  let nested: unknown = 1;
  for (let depth = 0; depth < 20_000; depth += 1) nested = { a: nested };

  it.each([
    ["an escape that is none", { $ref: "#/%" }],
    ["a broken pattern of property names", { patternProperties: { "(": {} } }],
    ["keywords of another type", { required: 5 }],
    ["an `enum` that is no list", { enum: 5 }],
    ["`properties` that are none", { type: "object", properties: null }],
    ["a reference to itself", { $ref: "#" }],
    ["references in a circle", { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/a" } } }],
    ["references that multiply", { $ref: "#/$defs/d0", $defs: bomb }],
    ["constants nested deeper than the stack", { const: nested }],
  ])("is the caller's fault: %s", (_case, schema) => {
    expect(() => forSchema(schema).checkText("{}")).toThrow(expect.objectContaining({ code: "invalid_request" }));
  });
});

describe("a pattern", () => {
  const named = (pattern: string) => ({ type: "object", properties: { a: { type: "string", pattern } } });

  it("is checked as far as that takes no time to speak of", () => {
    expect(forSchema(named("^[a-z]+$")).checkText(JSON.stringify({ a: "A".repeat(1_000) }))).not.toEqual([]);
    expect(forSchema(named("^\\S+@\\S+$")).checkText(JSON.stringify({ a: "nobody" }))).not.toEqual([]);
  });

  it("that could take for ever is left to the provider", () => {
    const text = JSON.stringify({ a: `${"a".repeat(200)}!` });
    expect(forSchema(named("^(a+)+$")).checkText(text)).toEqual([]);
    const both = { type: "object", patternProperties: { "^(a+)+$": {} }, additionalProperties: false };
    expect(forSchema(both).checkText(JSON.stringify({ [`${"a".repeat(200)}!`]: 1 }))).toEqual([]);
  });

  it("that stands in a value is no pattern", () => {
    const constant = { pattern: "^(a+)+$" };
    const check = forSchema({ type: "object", properties: { a: { const: constant } } });
    expect(check.checkText(JSON.stringify({ a: constant }))).toEqual([]);
    expect(check.checkText(JSON.stringify({ a: {} }))).not.toEqual([]);
  });

  it.each([
    [
      "behind a reference into examples",
      { properties: { const: { $ref: "#/examples" } }, examples: { type: "string", pattern: "^(a+)+$" } },
    ],
    ["of a property that is called like a keyword", { properties: { const: { type: "string", pattern: "^(a+)+$" } } }],
    [
      "of a dependency that is called like one",
      { dependencies: { const: { properties: { const: { pattern: "^(a+)+$" } } } } },
    ],
  ])("%s is left to the provider, too", (_case, schema) => {
    expect(forSchema(schema).checkText(JSON.stringify({ const: `${"a".repeat(200)}!` }))).toEqual([]);
  });
});
