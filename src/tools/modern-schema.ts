import { isObject } from "../core/json.ts";

const ofOneSchema = ["items", "additionalProperties", "not"] as const;
const ofNamedSchemas = ["properties", "patternProperties"] as const;
const ofSchemas = ["allOf", "anyOf", "oneOf"] as const;

/**
 * A schema of OpenAPI 3.0 as the JSON Schema it means: `nullable` and the boolean `exclusiveMinimum` and `exclusiveMaximum` are
 * that version's own (spec.openapis.org/oas/v3.0.3, "Schema Object"). A schema of 3.1 comes back as it is.
 */
export function toModernSchema(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const modern: Record<string, unknown> = { ...schema };
  for (const key of ofOneSchema) if (key in modern) modern[key] = toModernSchema(modern[key]);
  for (const key of ofSchemas) {
    const list = modern[key];
    if (Array.isArray(list)) modern[key] = list.map(toModernSchema);
  }
  for (const key of ofNamedSchemas) {
    const named = modern[key];
    if (!isObject(named)) continue;
    modern[key] = Object.fromEntries(Object.entries(named).map(([name, each]) => [name, toModernSchema(each)]));
  }
  moveBound(modern, "minimum", "exclusiveMinimum");
  moveBound(modern, "maximum", "exclusiveMaximum");
  return withNull(modern);
}

/** In 3.0 a flag says that a bound is not included; in JSON Schema the bound has another name. */
function moveBound(
  schema: Record<string, unknown>,
  bound: "minimum" | "maximum",
  exclusive: "exclusiveMinimum" | "exclusiveMaximum",
): void {
  const flag = schema[exclusive];
  if (typeof flag !== "boolean") return;
  delete schema[exclusive];
  if (!flag || schema[bound] === undefined) return;
  schema[exclusive] = schema[bound];
  delete schema[bound];
}

function withNull({ nullable, ...schema }: Record<string, unknown>): Record<string, unknown> {
  if (nullable !== true)
    return typeof nullable === "boolean" || nullable === undefined ? schema : { nullable, ...schema };
  // What these demand, a null would have to meet as well.
  if (["not", ...ofSchemas].some((key) => key in schema)) return { anyOf: [schema, { type: "null" }] };
  const { type, enum: choices } = schema;
  const types: unknown[] = Array.isArray(type) ? type : [type];
  return {
    ...schema,
    ...(type === undefined || types.includes("null") ? {} : { type: [...types, "null"] }),
    ...(Array.isArray(choices) && !choices.includes(null) ? { enum: [...choices, null] } : {}),
  };
}
