import { describe, expect, it } from "vitest";
import { GrammarBuilder } from "../../../src/local/node/json-schema-grammar.ts";

function rulesOf(schema: unknown): string[] {
  const builder = new GrammarBuilder();
  const name = builder.addSchema(schema);
  const lines = builder.build(name).split("\n");
  return lines.filter((line) => /^(root|r\d+) ::= /.test(line)).map((line) => line.replace(/^\w+ ::= /, ""));
}

describe("the grammar of a JSON schema", () => {
  it.each([
    {
      name: "required properties in their order, then optional ones",
      schema: {
        type: "object",
        properties: { a: { type: "integer" }, b: { type: "string" }, c: { type: "null" } },
        required: ["b", "a"],
      },
      rule: '"{" r9 ", " r10 ( ", " r12 )? "}"',
    },
    { name: "an enum", schema: { enum: ["a", 1, null] }, rule: '"\\"a\\"" | "1" | "null"' },
    { name: "a constant with quotes and line breaks", schema: { const: 'a"b\nc' }, rule: '"\\"a\\\\\\"b\\\\nc\\""' },
    {
      name: "bounds of an array",
      schema: { type: "array", items: { type: "integer" }, minItems: 2, maxItems: 3 },
      rule: '"[" integer ( ", " integer ){1,2} "]"',
    },
    {
      name: "an array that may be empty",
      schema: { type: "array", items: { type: "integer" } },
      rule: '"[" ( integer ( ", " integer ){0,} )? "]"',
    },
    {
      name: "bounds of a string",
      schema: { type: "string", minLength: 1, maxLength: 5 },
      rule: '"\\"" char{1,5} "\\""',
    },
    { name: "several types", schema: { type: ["string", "null"] }, rule: "string | r9" },
    { name: "no properties allowed", schema: { type: "object", additionalProperties: false }, rule: '"{}"' },
  ])("states $name", ({ schema, rule }) => {
    expect(rulesOf(schema)).toContain(rule);
  });

  it("ends for a schema that refers to itself", () => {
    const schema = {
      $ref: "#/$defs/tree",
      $defs: { tree: { type: "object", properties: { next: { $ref: "#/$defs/tree" } } } },
    };
    expect(rulesOf(schema)).toContain('"\\"next\\": " r9');
  });

  it.each([
    { name: "a keyword it cannot follow", schema: { not: { type: "string" } }, message: '"not" is not supported' },
    { name: "an unknown type", schema: { type: "date" }, message: 'the type "date" is unknown' },
    { name: "a reference to nothing", schema: { $ref: "#/$defs/none" }, message: "points at nothing" },
    { name: "a reference outside", schema: { $ref: "https://example.com/schema" }, message: "leaves the schema" },
    {
      name: "several schemas that must all hold",
      schema: { allOf: [{}, {}] },
      message: '"allOf" with several schemas',
    },
  ])("refuses $name with a 400", ({ schema, message }) => {
    expect(() => rulesOf(schema)).toThrow(
      expect.objectContaining({ status: 400, message: expect.stringContaining(message) }),
    );
  });
});
