import { createToolsFromOpenAPISpec } from "@cloudflare/ai-utils";
import type { ToolDefinition } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import { refuse, resolveReferences } from "./resolve-references.ts";

/** A tool made of one operation of an API, and what its caller needs to carry it out. */
export interface OpenApiTool {
  tool: ToolDefinition;
  method: string;
  /** The operation's address, with its path parameters in braces. */
  url: string;
}

const methods = ["get", "put", "post", "delete", "patch", "head", "options"] as const;
/** As many as a request may carry. */
const maxTools = 128;

/**
 * The operations of an OpenAPI 3 document as function tools. @cloudflare/ai-utils finds the operations and groups their
 * parameters (`path`, `query`, `header`, `cookie`, `body`, `formData`); what it leaves out of their schemas (what is
 * required, what arrays hold, referenced bodies) is filled in from the document. Nothing is fetched.
 */
export async function toolsFromOpenApi(
  spec: Record<string, unknown>,
  { operations }: { operations?: readonly string[] | undefined } = {},
): Promise<OpenApiTool[]> {
  const document = resolveReferences(spec);
  if (!isObject(document.paths)) throw refuse("has no `paths`: it is not an OpenAPI 3 document");
  const known = nameOperations(document.paths);
  const wanted = operations === undefined ? null : new Set(operations);
  const missing = operations?.find((name) => !known.has(name));
  if (missing !== undefined) throw refuse(`has no operation ${missing}`);

  const made = await createToolsFromOpenAPISpec(JSON.stringify(document)).catch((cause: unknown) => {
    throw new AppError("invalid_request", "spec: cannot be read as an OpenAPI 3 document with a server's URL", {
      param: "spec",
      cause,
    });
  });
  const tools = made.flatMap(({ name, description }) => {
    const operation = known.get(name);
    if (operation === undefined || (wanted !== null && !wanted.has(name))) return [];
    const parameters = schemaOf(operation);
    const definition = { name, parameters, ...(description ? { description } : {}) };
    const tool: ToolDefinition = { type: "function", function: definition };
    return [{ tool, method: operation.method.toUpperCase(), url: serverOf(document) + operation.path }];
  });
  if (tools.length > maxTools) {
    throw refuse(`has ${tools.length} operations; name at most ${maxTools} of them in \`operations\``);
  }
  return tools;
}

interface Operation {
  path: string;
  method: string;
  operation: Record<string, unknown>;
  /** Of the path, for all its operations. */
  shared: unknown;
}

/** Gives every operation a name that a model may call, and the document's own where it is one. */
function nameOperations(paths: Record<string, unknown>): Map<string, Operation> {
  const known = new Map<string, Operation>();
  for (const [path, item] of Object.entries(paths)) {
    if (!isObject(item)) continue;
    for (const method of methods) {
      const operation = item[method];
      if (!isObject(operation)) continue;
      const given = typeof operation.operationId === "string" ? operation.operationId : `${method}${path}`;
      const name = given
        .replace(/[^a-zA-Z0-9_-]+/g, "_")
        .replace(/^_+|_+$/g, "")
        .slice(0, 64);
      if (name === "" || known.has(name)) throw refuse(`has two operations that would be called ${name || "nothing"}`);
      operation.operationId = name;
      if (operation.summary === undefined && typeof operation.description === "string")
        operation.summary = operation.description;
      known.set(name, { path, method, operation, shared: item.parameters });
    }
  }
  return known;
}

function schemaOf({ operation, shared }: Operation): Record<string, unknown> {
  const groups = new Map<string, { properties: Record<string, unknown>; required: string[] }>();
  for (const parameter of [...listOf(shared), ...listOf(operation.parameters)]) {
    const { name, in: place, schema, description, required } = parameter;
    if (typeof name !== "string" || typeof place !== "string") continue;
    const group = groups.get(place) ?? { properties: {}, required: [] };
    group.properties[name] = {
      ...(isObject(schema) ? schema : {}),
      ...(typeof description === "string" ? { description } : {}),
    };
    if ((required === true || place === "path") && !group.required.includes(name)) group.required.push(name);
    groups.set(place, group);
  }
  const properties: Record<string, unknown> = {};
  const required: string[] = [];
  for (const [place, group] of groups) {
    properties[place] = { type: "object", ...group };
    if (group.required.length > 0) required.push(place);
  }
  const body = bodyOf(operation);
  if (body !== null) {
    properties[body.place] = body.schema;
    if (body.isRequired) required.push(body.place);
  }
  return { type: "object", properties, required, additionalProperties: false };
}

function bodyOf({ requestBody }: Record<string, unknown>) {
  if (!isObject(requestBody) || !isObject(requestBody.content)) return null;
  for (const [type, media] of Object.entries(requestBody.content)) {
    if (!isObject(media) || !isObject(media.schema)) continue;
    const isRequired = requestBody.required === true;
    if (/\bjson\b/.test(type)) return { place: "body", schema: media.schema, isRequired };
    if (/form/.test(type)) return { place: "formData", schema: media.schema, isRequired };
  }
  return null;
}

function serverOf({ servers }: Record<string, unknown>): string {
  const url = listOf(servers)[0]?.url;
  return typeof url === "string" ? url.replace(/\/$/, "") : "";
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
