import { AppError } from "../core/errors.ts";
import { findReferenced, isObject } from "../core/json.ts";

const maxDepth = 64;

/** Keywords that hold schemas by name, where a name is no keyword. */
const schemaMaps = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);
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
    if (Array.isArray(node)) for (const item of node) walk(item, depth + 1);
    if (!isObject(node)) return;
    for (const [key, value] of Object.entries(node)) {
      checkForm(key, value);
      if (key === "$ref" && typeof value === "string") checkReference(value);
      if (key === "pattern" && typeof value === "string") checkPattern(value);
      if (key === "patternProperties" && isObject(value)) Object.keys(value).forEach(checkPattern);
      if (schemaMaps.has(key) && isObject(value)) for (const named of Object.values(value)) walk(named, depth + 1);
      else if (!values.has(key)) walk(value, depth + 1);
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
