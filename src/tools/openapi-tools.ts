import { createToolsFromOpenAPISpec } from "@cloudflare/ai-utils";
import type { ToolDefinition } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import { toModernSchema } from "./modern-schema.ts";
import { refuse, resolveReferences } from "./resolve-references.ts";

/** A tool made of one operation of an API, and what its caller needs to carry it out. */
export interface OpenApiTool {
  tool: ToolDefinition;
  method: string;
  /** The operation's address, with its path parameters in braces; only its path where the document names no host. */
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

  const made = await createToolsFromOpenAPISpec(withoutServers(document, document.paths)).catch((cause: unknown) => {
    throw new AppError("invalid_request", "spec: cannot be read as an OpenAPI 3 document", {
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
    return [{ tool, method: operation.method.toUpperCase(), url: serverOf(operation, document) + operation.path }];
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
  /** What stands beside it, for all operations of its path. */
  item: Record<string, unknown>;
}

/** The library insists on an absolute address, which a document need not have: it gets one that nobody sees. */
function withoutServers(document: Record<string, unknown>, paths: Record<string, unknown>): string {
  const bare = Object.entries(paths).map(([path, item]) => [path, isObject(item) ? { ...item, servers: [] } : item]);
  return JSON.stringify({
    ...document,
    servers: [{ url: "https://server.invalid" }],
    paths: Object.fromEntries(bare),
  });
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
      known.set(name, { path, method, operation, item });
    }
  }
  return known;
}

function schemaOf({ operation, item }: Operation): Record<string, unknown> {
  const groups = new Map<string, { properties: Record<string, unknown>; required: string[] }>();
  const parameters = new Map<string, Record<string, unknown>>();
  // An operation's own parameter stands for the path's of that name and place, whole.
  for (const parameter of [...listOf(item.parameters), ...listOf(operation.parameters)])
    parameters.set(JSON.stringify([parameter.in, parameter.name]), parameter);
  for (const { name, in: place, schema, description, required } of parameters.values()) {
    if (typeof name !== "string" || typeof place !== "string") continue;
    const modern = toModernSchema(schema);
    const group = groups.get(place) ?? { properties: {}, required: [] };
    group.properties[name] = {
      ...(isObject(modern) ? modern : {}),
      ...(typeof description === "string" ? { description } : {}),
    };
    if (required === true || place === "path") group.required.push(name);
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
    const schema = toModernSchema(media.schema);
    if (/\bjson\b/.test(type)) return { place: "body", schema, isRequired };
    if (/form/.test(type)) return { place: "formData", schema, isRequired };
  }
  return null;
}

/** The nearest one that is named. Without a host, an address is relative to wherever the document was found. */
function serverOf({ operation, item }: Operation, document: Record<string, unknown>): string {
  const url = [operation, item, document]
    .map(({ servers }) => listOf(servers)[0]?.url)
    .find((each) => each !== undefined);
  return typeof url === "string" ? url.replace(/\/$/, "") : "";
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
