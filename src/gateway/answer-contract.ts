import { Validator, type Schema, type ValidationResult } from "@cfworker/json-schema";
import type { ChatRequest, ToolCall } from "../core/chat.ts";
import { AppError } from "../core/errors.ts";
import type { ChatResult } from "../core/model.ts";
import { refuseUncheckable } from "./refuse-uncheckable.ts";

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

interface Check {
  validator: Validator;
  /** The field of the request that the schema stands in. */
  param: string;
}

function problemsOf(text: string, check: Check): string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return ["It is not valid JSON."];
  }
  const { valid, errors } = validate(value, check);
  if (valid) return [];
  // The first errors say "does not match"; the deepest say why.
  return errors
    .toSorted((left, right) => right.instanceLocation.length - left.instanceLocation.length)
    .slice(0, maxProblems)
    .map(({ instanceLocation, error }) => `${instanceLocation.replace(/^#/, "") || "The whole"}: ${error}`);
}

/** What a schema hides from the look that is taken at it before the call is the schema's fault all the same. */
function validate(value: unknown, { validator, param }: Check): ValidationResult {
  try {
    return validator.validate(value);
  } catch (cause) {
    throw uncheckable(param, cause);
  }
}

function compile(schema: Record<string, unknown>, param: string): Check {
  refuseUncheckable(schema, param);
  // The package writes into what it is given, and the provider gets the request's own.
  const copy: Schema = structuredClone(schema);
  try {
    return { validator: new Validator(copy, "2020-12", false), param };
  } catch (cause) {
    throw uncheckable(param, cause);
  }
}

function uncheckable(param: string, cause: unknown): AppError {
  return new AppError("invalid_request", `${param}: is not a JSON schema that can be checked`, { param, cause });
}
