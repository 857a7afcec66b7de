import type { ChatRequest, ToolDefinition } from "../../core/chat.ts";
import { GrammarBuilder, quote } from "./json-schema-grammar.ts";
import { WireError } from "./wire-error.ts";

/** What an answer may look like: the grammar that forces it and the tools it may call. */
export interface AnswerForm {
  /** GBNF, or `null` when any text will do. */
  grammar: string | null;
  tools: ToolDefinition[];
  /** Whether words (or the JSON asked for) are allowed beside a tool call. */
  allowsContent: boolean;
  /** Whether the content has to be JSON. */
  isJson: boolean;
}

/**
 * The form a request asks for. `tool_choice` `required` or a named function leaves only calls; `auto` leaves the choice to
 * the model's first character: `{` opens a call, anything else is text. A tool's arguments always follow its schema.
 */
export function answerForm(request: ChatRequest): AnswerForm {
  const tools = allowedTools(request);
  const choice = request.tool_choice;
  const allowsContent = tools.length === 0 || choice === undefined || choice === "auto" || choice === "none";
  const builder = new GrammarBuilder();
  const json = jsonRule(request, builder);
  const form = { tools, allowsContent, isJson: json !== null };
  if (tools.length === 0) return { ...form, grammar: json === null ? null : builder.build(json) };

  const calls = tools.map(({ function: { name, parameters } }) => {
    const parameterRule = parameters === undefined ? builder.anyObject : builder.addSchema(parameters);
    return `${quote(`{"name": ${JSON.stringify(name)}, "arguments": `)} ${parameterRule} "}"`;
  });
  const content = json ?? builder.add("[^{ \\t\\r\\n] [^\\x00]*");
  return { ...form, grammar: builder.build((allowsContent ? [...calls, content] : calls).join(" | ")) };
}

function allowedTools(request: ChatRequest): ToolDefinition[] {
  const tools = request.tools ?? [];
  const choice = request.tool_choice;
  if (choice === "none") return [];
  if (typeof choice !== "object") {
    if (choice === "required" && tools.length === 0)
      throw missingTool("tool_choice is required, but there are no tools.");
    return tools;
  }
  const names = choice.type === "function" ? [choice.function.name] : namesOf(choice.allowed_tools.tools);
  const named = tools.filter((tool) => names.includes(tool.function.name));
  if (named.length === 0) throw missingTool(`tool_choice names ${names.join(", ")}, which is not among the tools.`);
  return named;
}

function namesOf(tools: { function: { name: string } }[]): string[] {
  return tools.map((tool) => tool.function.name);
}

function jsonRule(request: ChatRequest, builder: GrammarBuilder): string | null {
  switch (request.response_format?.type) {
    case undefined:
    case "text":
      return null;
    case "json_object":
      return builder.anyObject;
    case "json_schema":
      return builder.addSchema(request.response_format.json_schema.schema ?? { type: "object" });
  }
}

function missingTool(message: string): WireError {
  return new WireError(400, "invalid_request", message, "tool_choice");
}
