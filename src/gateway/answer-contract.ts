import { Validator, type Schema } from "@cfworker/json-schema";
import type { ChatRequest, ToolCall } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import type { ChatResult } from "../core/model.ts";

/** What a request demands of the form of its answer: a schema for its text, and one for each tool's arguments. */
export interface AnswerContract {
  /** The text must be JSON, so nothing of it may leave before all of it was seen. */
  isJson: boolean;
  /** Why a text is not what was asked for; empty when it is. */
  checkText(text: string): string[];
  checkCall(call: ToolCall): string[];
}

/** One line of what is wrong is enough for a model, and hundreds are not better. */
const maxProblems = 8;

/** Compiles the request's schemas. Throws `invalid_request` for a schema that cannot be checked, before anything costs. */
export function contractOf({ response_format: format, tools = [] }: ChatRequest): AnswerContract {
  const isJson = format !== undefined && format.type !== "text";
  const schema =
    format?.type === "json_schema"
      ? compile(format.json_schema.schema ?? {}, "response_format.json_schema.schema")
      : isJson
        ? compile({ type: "object" }, "response_format")
        : null;
  const parameters = new Map(
    tools.map((tool, index) => [
      tool.function.name,
      compile(tool.function.parameters ?? { type: "object" }, `tools.${index}.function.parameters`),
    ]),
  );
  return {
    isJson,
    checkText: (text) => (schema === null ? [] : problemsOf(text, schema)),
    checkCall({ function: { name, arguments: text } }) {
      const validator = parameters.get(name);
      if (validator === undefined)
        return [`There is no tool ${name}. The tools are ${[...parameters.keys()].join(", ")}.`];
      return problemsOf(text.trim() === "" ? "{}" : text, validator);
    },
  };
}

/** What is wrong with an answer; nothing where the model declined, or was cut off, which its finish reason says. */
export function problemsIn(result: ChatResult, contract: AnswerContract): string[] {
  if (result.finishReason === "length" || result.finishReason === "content_filter") return [];
  if (result.toolCalls.length > 0) return result.toolCalls.flatMap((call) => contract.checkCall(call));
  if (result.refusal !== null) return [];
  return contract.checkText(result.content ?? "");
}

function problemsOf(text: string, validator: Validator): string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return ["It is not valid JSON."];
  }
  const { valid, errors } = validator.validate(value);
  if (valid) return [];
  // The first errors say "does not match"; the deepest say why.
  return errors
    .toSorted((left, right) => right.instanceLocation.length - left.instanceLocation.length)
    .slice(0, maxProblems)
    .map(({ instanceLocation, error }) => `${instanceLocation.replace(/^#/, "") || "The whole"}: ${error}`);
}

function compile(schema: Record<string, unknown>, param: string): Validator {
  // The package writes into what it is given, and the provider gets the request's own.
  const copy: Schema = structuredClone(schema);
  refuseUncheckable(copy, copy, param, 0);
  try {
    return new Validator(copy, "2020-12", false);
  } catch (cause) {
    throw new AppError("invalid_request", `${param}: is not a JSON schema that can be checked`, { param, cause });
  }
}

const maxDepth = 64;

/** What would only fail once an answer is there: references to elsewhere or nowhere, and patterns that are none. */
function refuseUncheckable(node: unknown, root: Schema, param: string, depth: number): void {
  const refuse = (reason: string) => {
    throw new AppError("invalid_request", `${param}: ${reason}`, { param });
  };
  if (depth > maxDepth) refuse(`is nested more than ${maxDepth} levels deep`);
  if (Array.isArray(node)) {
    for (const item of node) refuseUncheckable(item, root, param, depth + 1);
    return;
  }
  if (node === null || typeof node !== "object") return;
  for (const [key, value] of Object.entries(node)) {
    if (key === "$ref" && typeof value === "string" && !resolves(value, root))
      refuse(`${value} refers to nothing in it`);
    if (key === "pattern" && typeof value === "string" && !isPattern(value))
      refuse(`${value} is not a regular expression`);
    if (key !== "enum" && key !== "const" && key !== "default" && key !== "examples")
      refuseUncheckable(value, root, param, depth + 1);
  }
}

function resolves(reference: string, root: Schema): boolean {
  if (reference === "#") return true;
  if (!reference.startsWith("#/")) return false;
  let node: unknown = root;
  for (const step of reference.slice(2).split("/")) {
    const key = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    if (node === null || typeof node !== "object" || !Object.hasOwn(node, key)) return false;
    node = Reflect.get(node, key);
  }
  return true;
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text, "u");
    return true;
  } catch {
    return false;
  }
}
