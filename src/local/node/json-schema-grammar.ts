import { WireError } from "./wire-error.ts";

/** Rules every grammar may refer to: JSON, written on one line with a space after each colon and comma. */
const baseRules = {
  value: 'object | array | string | number | "true" | "false" | "null"',
  object: '"{" ( pair ( ", " pair )* )? "}"',
  pair: 'string ": " value',
  array: '"[" ( value ( ", " value )* )? "]"',
  string: '"\\"" char* "\\""',
  char: '[^"\\\\\\x7F\\x00-\\x1F] | "\\\\" ( ["\\\\/bfnrt] | "u" hex hex hex hex )',
  hex: "[0-9a-fA-F]",
  integer: '"-"? ( "0" | [1-9] [0-9]{0,15} )',
  number: 'integer ( "." [0-9]{1,15} )? ( [eE] [-+]? [0-9]{1,3} )?',
} as const;

/** Keywords that change which documents are valid in a way a grammar of this kind cannot follow. */
const unsupported = [
  "not",
  "if",
  "patternProperties",
  "dependentSchemas",
  "dependentRequired",
  "contains",
  "propertyNames",
];

type Schema = Record<string, unknown>;

/**
 * Collects the rules of a llama.cpp grammar (GBNF). A JSON schema becomes a rule that admits exactly its documents, except
 * that bounds of numbers, `pattern`, `format` and `uniqueItems` are not enforced. Throws a 400 for what it cannot follow.
 */
export class GrammarBuilder {
  readonly #rules = new Map<string, string>(Object.entries(baseRules));
  readonly #references = new Map<Schema, Map<string, string>>();

  /** Adds a rule and gives its name. */
  add(body: string): string {
    const name = `r${this.#rules.size}`;
    this.#rules.set(name, body);
    return name;
  }

  /** The name of a rule that admits any JSON object. */
  get anyObject(): string {
    return "object";
  }

  /** Adds the rule of a schema and gives its name. `root` is the document that local references point into. */
  addSchema(schema: unknown, root: unknown = schema): string {
    if (schema === true || schema === undefined) return "value";
    if (!isSchema(schema) || !isSchema(root)) throw unsupportedSchema("a schema must be an object");
    for (const keyword of unsupported) {
      if (keyword in schema) throw unsupportedSchema(`the keyword "${keyword}" is not supported`);
    }
    if (typeof schema["$ref"] === "string") return this.#reference(schema["$ref"], root);
    if ("const" in schema) return this.add(literal(schema["const"]));
    if (Array.isArray(schema["enum"])) return this.add(schema["enum"].map(literal).join(" | "));
    const alternatives = schema["anyOf"] ?? schema["oneOf"];
    if (Array.isArray(alternatives)) return this.#anyOf(alternatives, root);
    if (Array.isArray(schema["allOf"])) return this.#allOf(schema["allOf"], root);
    if (Array.isArray(schema["type"]))
      return this.#anyOf(
        schema["type"].map((type: unknown) => ({ ...schema, type })),
        root,
      );
    return this.#typed(schema, root);
  }

  /** The whole grammar, with `root` as the text of its root rule. */
  build(root: string): string {
    return [`root ::= ${root}`, ...[...this.#rules].map(([name, body]) => `${name} ::= ${body}`)].join("\n");
  }

  #typed(schema: Schema, root: Schema): string {
    switch (schema["type"] ?? (isSchema(schema["properties"]) ? "object" : undefined)) {
      case undefined:
        return "value";
      case "object":
        return this.#object(schema, root);
      case "array":
        return this.#array(schema, root);
      case "string":
        return this.#string(schema);
      case "number":
        return "number";
      case "integer":
        return "integer";
      case "boolean":
        return this.add('"true" | "false"');
      case "null":
        return this.add('"null"');
      default:
        throw unsupportedSchema(`the type ${JSON.stringify(schema["type"])} is unknown`);
    }
  }

  #anyOf(alternatives: unknown[], root: Schema): string {
    if (alternatives.length === 0) throw unsupportedSchema("an empty list of alternatives admits nothing");
    return this.add(alternatives.map((alternative) => this.addSchema(alternative, root)).join(" | "));
  }

  #allOf(parts: unknown[], root: Schema): string {
    if (parts.length !== 1) throw unsupportedSchema('"allOf" with several schemas is not supported');
    return this.addSchema(parts[0], root);
  }

  #reference(pointer: string, root: Schema): string {
    const known = this.#references.get(root) ?? new Map<string, string>();
    this.#references.set(root, known);
    const present = known.get(pointer);
    if (present !== undefined) return present;
    const name = this.add("");
    // Known before its schema is read, so that a recursive schema ends.
    known.set(pointer, name);
    this.#rules.set(name, this.addSchema(resolvePointer(pointer, root), root));
    return name;
  }

  #object(schema: Schema, root: Schema): string {
    const properties = isSchema(schema["properties"]) ? Object.entries(schema["properties"]) : [];
    const extra = schema["additionalProperties"];
    if (properties.length === 0) {
      if (extra === false) return this.add('"{}"');
      const pair = this.add(`string ": " ${this.addSchema(extra, root)}`);
      return this.add(`"{" ( ${pair} ( ", " ${pair} )* )? "}"`);
    }
    const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
    const pairs = properties.map(([name, property]) => ({
      rule: this.add(`${quote(`${JSON.stringify(name)}: `)} ${this.addSchema(property, root)}`),
      required: required.has(name),
    }));
    const first = pairs.filter((pair) => pair.required).map((pair) => pair.rule);
    const optional = pairs.filter((pair) => !pair.required).map((pair) => pair.rule);
    if (first.length > 0) {
      const rest = optional.map((rule) => ` ( ", " ${rule} )?`).join("");
      return this.add(`"{" ${first.join(' ", " ')}${rest} "}"`);
    }
    // Any of the optional ones may be the first that is there.
    const starts = optional.map(
      (rule, at) =>
        `${rule}${optional
          .slice(at + 1)
          .map((next) => ` ( ", " ${next} )?`)
          .join("")}`,
    );
    return this.add(`"{" ( ${starts.join(" | ")} )? "}"`);
  }

  #array(schema: Schema, root: Schema): string {
    const item = this.addSchema(schema["items"], root);
    const min = countOf(schema["minItems"]) ?? 0;
    const max = countOf(schema["maxItems"]);
    if (max === 0) return this.add('"[]"');
    const more = `( ", " ${item} ){${Math.max(0, min - 1)},${max === null ? "" : max - 1}}`;
    return this.add(min === 0 ? `"[" ( ${item} ${more} )? "]"` : `"[" ${item} ${more} "]"`);
  }

  #string(schema: Schema): string {
    const min = countOf(schema["minLength"]) ?? 0;
    const max = countOf(schema["maxLength"]);
    if (min === 0 && max === null) return "string";
    return this.add(`"\\"" char{${min},${max ?? ""}} "\\""`);
  }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function resolvePointer(pointer: string, root: Schema): unknown {
  if (!pointer.startsWith("#")) throw unsupportedSchema(`the reference ${pointer} leaves the schema`);
  let at: unknown = root;
  for (const part of pointer.slice(1).split("/").filter(Boolean)) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    at = isSchema(at) ? at[key] : Array.isArray(at) ? at[Number(key)] : undefined;
  }
  if (at === undefined) throw unsupportedSchema(`the reference ${pointer} points at nothing`);
  return at;
}

/** The grammar caps repetitions: llama.cpp expands them, and a bound of a million would never end. */
const largestRepetition = 2000;

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? Math.min(value, largestRepetition) : null;
}

function literal(value: unknown): string {
  return quote(JSON.stringify(value));
}

/** A text as a GBNF string literal. */
export function quote(text: string): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return `"${escaped}"`;
}

function unsupportedSchema(what: string): WireError {
  return new WireError(
    400,
    "invalid_json_schema",
    `The local model cannot follow this JSON schema: ${what}.`,
    "response_format",
  );
}
