import { AppError } from "../core/errors.ts";
import { findReferenced, isObject } from "../core/json.ts";

const maxDepth = 64;

/** Keywords that hold schemas by name, where a name is no keyword. */
const schemaMaps = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
  "dependencies",
]);
const schemaLists = new Set(["allOf", "anyOf", "oneOf", "prefixItems"]);
const singleSchemas = new Set([
  "items",
  "additionalItems",
  "unevaluatedItems",
  "contains",
  "additionalProperties",
  "unevaluatedProperties",
  "propertyNames",
  "not",
  "if",
  "then",
  "else",
]);
/** Keywords that hold values, which may look like schemas. */
const values = new Set(["enum", "const", "default", "examples"]);

/** What of a schema is schemas in turn: a property may be called like a keyword, and a value may look like a schema. */
export function innerSchemas(node: unknown): unknown[] {
  if (Array.isArray(node)) return node;
  if (!isObject(node)) return [];
  return Object.entries(node).flatMap(([key, value]) => {
    if (schemaMaps.has(key) && isObject(value)) return Object.values(value);
    return values.has(key) ? [] : [value];
  });
}

/**
 * Throws `invalid_request` for what would only fail once an answer is there: keywords of another form than their own, references
 * to elsewhere, to nowhere or to themselves, and patterns that are none.
 */
export function refuseUncheckable(schema: Record<string, unknown>, param: string): void {
  const refuse = (reason: string) => {
    throw new AppError("invalid_request", `${param}: ${reason}`, { param });
  };

  function walk(node: unknown, depth: number): void {
    if (depth > maxDepth) refuse(`is nested more than ${maxDepth} levels deep`);
    for (const inner of innerSchemas(node)) walk(inner, depth + 1);
    if (!isObject(node)) return;
    for (const [key, value] of Object.entries(node)) {
      checkForm(key, value);
      if (key === "$ref" && typeof value === "string") checkReference(value);
      if (key === "pattern" && typeof value === "string") checkPattern(value);
      if (key === "patternProperties" && isObject(value)) Object.keys(value).forEach(checkPattern);
    }
  }

  function checkForm(key: string, value: unknown): void {
    if (schemaMaps.has(key) && !isObject(value)) refuse(`${key} must be an object`);
    if ((schemaLists.has(key) || key === "enum") && !Array.isArray(value)) refuse(`${key} must be a list`);
    const schemas = schemaMaps.has(key) || schemaLists.has(key) ? Object.values(value ?? {}) : [];
    if (schemas.includes(null) || (singleSchemas.has(key) && value === null)) refuse(`${key}: null is no schema`);
  }

  function checkReference(reference: string): void {
    const seen = new Set<string>();
    for (let next: unknown = reference; typeof next === "string";) {
      if (seen.has(next)) return refuse(`${reference} refers to itself`);
      seen.add(next);
      const target = findReferenced(next, schema);
      if (target === undefined) return refuse(`${next} refers to nothing in it`);
      next = isObject(target) ? target["$ref"] : null;
    }
  }

  function checkPattern(text: string): void {
    try {
      new RegExp(text, "u");
    } catch {
      refuse(`${text} is not a regular expression`);
    }
  }

  walk(schema, 0);
}
