import type { ChatRequest, ToolDefinition } from "../../core/chat.ts";
import { forcesTool } from "./convert-thinking.ts";
import { toOutputSchema } from "./output-schema.ts";

/** Anthropic's `tools` and `tool_choice`; nothing where the request has no tools. */
export function convertTools(request: ChatRequest): Record<string, unknown> {
  const { tools, tool_choice: choice, parallel_tool_calls: parallel } = request;
  if (!tools) return {};
  // Anthropic has no list of allowed tools: those that are not allowed are not shown.
  const allowed =
    typeof choice === "object" && choice.type === "allowed_tools"
      ? new Set(choice.allowed_tools.tools.map((tool) => tool.function.name))
      : null;
  const shown = allowed === null ? tools : tools.filter((tool) => allowed.has(tool.function.name));
  if (shown.length === 0) return {};
  const single = parallel === false ? { disable_parallel_tool_use: true } : {};
  return {
    tools: shown.map(convertTool),
    ...choiceOf(request, single),
  };
}

function choiceOf(request: ChatRequest, single: Record<string, unknown>): Record<string, unknown> {
  const { tool_choice: choice } = request;
  if (choice === "none") return { tool_choice: { type: "none" } };
  if (typeof choice === "object" && choice.type === "function")
    return { tool_choice: { type: "tool", name: choice.function.name, ...single } };
  if (forcesTool(request)) return { tool_choice: { type: "any", ...single } };
  return choice === undefined && request.parallel_tool_calls !== false
    ? {}
    : { tool_choice: { type: "auto", ...single } };
}

function convertTool({ function: { name, description, parameters, strict }, cache_control }: ToolDefinition) {
  const schema = { type: "object", ...(parameters ?? { properties: {} }) };
  const strictSchema = strict === true ? toOutputSchema(schema) : null;
  return {
    name,
    ...(description === undefined ? {} : { description }),
    input_schema: strictSchema ?? schema,
    ...(strictSchema === null ? {} : { strict: true }),
    ...(cache_control === undefined ? {} : { cache_control }),
  };
}
