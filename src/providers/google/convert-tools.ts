import type { ChatRequest } from "../../core/chat.ts";

interface CallingConfig {
  mode: "AUTO" | "ANY" | "NONE" | "VALIDATED";
  allowedFunctionNames?: string[];
}

/**
 * The tools and how they may be called (ai.google.dev/gemini-api/docs/function-calling). `VALIDATED` is `AUTO` held to the
 * schemas: what OpenAI calls strict, and the only such mode that takes a list of allowed functions.
 */
export function convertTools({ tools, tool_choice: choice }: ChatRequest): Record<string, unknown> {
  if (tools === undefined) return {};
  const functionDeclarations = tools.map(({ function: { name, description, parameters } }) => ({
    name,
    description: description ?? "",
    ...(parameters === undefined ? {} : { parametersJsonSchema: parameters }),
  }));
  const isStrict = tools.some((tool) => tool.function.strict === true);
  return {
    tools: [{ functionDeclarations }],
    toolConfig: { functionCallingConfig: callingConfig(choice, isStrict) },
  };
}

function callingConfig(choice: ChatRequest["tool_choice"], isStrict: boolean): CallingConfig {
  if (choice === undefined || choice === "auto") return { mode: isStrict ? "VALIDATED" : "AUTO" };
  if (choice === "none") return { mode: "NONE" };
  if (choice === "required") return { mode: "ANY" };
  if (choice.type === "function") return { mode: "ANY", allowedFunctionNames: [choice.function.name] };
  const allowedFunctionNames = choice.allowed_tools.tools.map((tool) => tool.function.name);
  return { mode: choice.allowed_tools.mode === "required" ? "ANY" : "VALIDATED", allowedFunctionNames };
}
