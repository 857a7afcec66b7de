import { isObject } from "../../core/json.ts";

/** Formats of strings that Anthropic's structured outputs enforce; others are refused with a 400. */
const stringFormats = new Set([
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "uri",
  "ipv4",
  "ipv6",
  "uuid",
]);
/** What may stand in any schema. Bounds, lengths and patterns may not: they are left to the gateway's own validation. */
const keptKeywords = new Set([
  "type",
  "description",
  "title",
  "enum",
  "const",
  "$ref",
  "default",
  "format",
  "required",
]);
const maxDepth = 32;

/**
 * A JSON schema in the dialect of Anthropic's structured outputs: objects closed, only what its grammar enforces. `null` where
 * the schema says something the dialect cannot (a map with free keys, say): then the schema is not sent, and the gateway's
 * validation is all there is.
 */
export function toOutputSchema(schema: Record<string, unknown>): Record<string, unknown> | null {
  try {
    return convert(schema, 0);
  } catch (cause) {
    if (cause instanceof Inexpressible) return null;
    throw cause;
  }
}

class Inexpressible extends Error {}

function convert(schema: unknown, depth: number): Record<string, unknown> {
  if (!isObject(schema) || depth > maxDepth) throw new Inexpressible();
  const converted: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === "format" && !stringFormats.has(String(value))) continue;
    if (keptKeywords.has(key)) converted[key] = value;
    else if (key === "properties" || key === "$defs" || key === "definitions") converted[key] = each(value, depth);
    else if (key === "anyOf" || key === "allOf") converted[key] = list(value, depth);
    // Exactly one or at least one: an answer that fits one branch fits both words.
    else if (key === "oneOf") converted["anyOf"] = list(value, depth);
    else if (key === "items") converted["items"] = convert(value, depth + 1);
    else if (key === "minItems" && (value === 0 || value === 1)) converted["minItems"] = value;
    else if (key === "patternProperties" || key === "prefixItems" || key === "not" || key === "if")
      throw new Inexpressible();
  }
  const takesObjects = schema["type"] === "object" || "properties" in schema;
  if (takesObjects) {
    const additional = schema["additionalProperties"];
    if (isObject(additional) || (!("properties" in schema) && additional !== false)) throw new Inexpressible();
    converted["additionalProperties"] = false;
  }
  return converted;
}

function each(schemas: unknown, depth: number): Record<string, unknown> {
  if (!isObject(schemas)) throw new Inexpressible();
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, convert(schema, depth + 1)]));
}

function list(schemas: unknown, depth: number): unknown[] {
  if (!Array.isArray(schemas)) throw new Inexpressible();
  return schemas.map((schema) => convert(schema, depth + 1));
}
