import { dereference, validate, type Schema, type ValidationResult } from "@cfworker/json-schema";
import type { ChatRequest, ToolCall } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { ChatResult } from "../core/model.ts";
import { costOfPattern } from "./pattern-cost.ts";
import { innerSchemas, refuseUncheckable } from "./refuse-uncheckable.ts";

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
      const check = parameters.get(name);
      if (check === undefined) return [`There is no tool ${name}. The tools are ${[...parameters.keys()].join(", ")}.`];
      return problemsOf(text.trim() === "" ? "{}" : text, check);
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

type Check = (value: unknown) => ValidationResult;

function problemsOf(text: string, check: Check): string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return ["It is not valid JSON."];
  }
  const { valid, errors } = check(value);
  if (valid) return [];
  // The first errors say "does not match"; the deepest say why.
  return errors
    .toSorted((left, right) => right.instanceLocation.length - left.instanceLocation.length)
    .slice(0, maxProblems)
    .map(({ instanceLocation, error }) => `${instanceLocation.replace(/^#/, "") || "The whole"}: ${error}`);
}

/** References followed in one check. They multiply: a schema of a few lines can ask for more than a lifetime's. */
const maxLookups = 10_000;
/** Up to this length a text may be tested against a pattern whose time grows with its square. */
const shortText = 256;

function compile(schema: Record<string, unknown>, param: string): Check {
  refuseUncheckable(schema, param);
  const thorough = checkWith(schema, { patternCost: 2, param });
  // Hardly an answer needs the other one, so it is made when one does.
  return (value) => (hasLongText(value) ? checkWith(schema, { patternCost: 1, param })(value) : thorough(value));
}

/** Checks all but the patterns that would cost more: the provider still gets them. */
function checkWith(
  schema: Record<string, unknown>,
  { patternCost, param }: { patternCost: number; param: string },
): Check {
  const uncheckable = (cause: unknown) =>
    new AppError("invalid_request", `${param}: is not a JSON schema that can be checked`, { param, cause });
  let compiled: { copy: Schema; lookup: Record<string, Schema | boolean> };
  try {
    // The package writes into what it is given, and the provider gets the request's own.
    const copy: Schema = structuredClone(schema);
    dropPatterns(copy, patternCost);
    compiled = { copy, lookup: dereference(copy) };
  } catch (cause) {
    throw uncheckable(cause);
  }
  return (value) => {
    let lookups = 0;
    const counted = new Proxy(compiled.lookup, {
      get(target, uri) {
        lookups += 1;
        if (lookups > maxLookups) throw new Error("too many references");
        return Reflect.get(target, uri);
      },
    });
    try {
      return validate(value, compiled.copy, "2020-12", counted, false);
    } catch (cause) {
      // What a schema hides from the look that is taken at it before the call is the schema's fault all the same.
      throw uncheckable(cause);
    }
  };
}

function dropPatterns(node: unknown, maxCost: number): void {
  for (const inner of innerSchemas(node)) dropPatterns(inner, maxCost);
  if (!isObject(node)) return;
  // Examples check nothing, but the package follows references into them.
  dropPatterns(node.examples, maxCost);
  if (typeof node.pattern === "string" && costOfPattern(node.pattern) > maxCost) delete node.pattern;
  const named = node.patternProperties;
  if (isObject(named) && Object.keys(named).some((pattern) => costOfPattern(pattern) > maxCost)) {
    // Without its pattern a property would count as additional, and be refused.
    delete node.patternProperties;
    delete node.additionalProperties;
  }
}

function hasLongText(value: unknown): boolean {
  if (typeof value === "string") return value.length > shortText;
  if (Array.isArray(value)) return value.some(hasLongText);
  return isObject(value) && Object.entries(value).some(([key, inner]) => key.length > shortText || hasLongText(inner));
}
