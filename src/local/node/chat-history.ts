import { textOf, type ChatMessage, type ChatRequest, type ToolDefinition } from "../../core/chat.ts";
import type { HistoryItem } from "./llama-api.ts";
import { WireError } from "./wire-error.ts";

/**
 * An OpenAI conversation as the turns a chat template knows: system texts first, as one; tool calls as the JSON the model
 * itself would write; tool results as the user's turn; neighbours of one role joined, since templates want alternation.
 */
export function toHistory(request: ChatRequest, tools: readonly ToolDefinition[]): HistoryItem[] {
  const system = request.messages.filter(isInstruction).map(textOf);
  if (tools.length > 0) system.push(describeTools(tools));
  const schema =
    request.response_format?.type === "json_schema" ? request.response_format.json_schema.schema : undefined;
  if (schema) system.push(`Answer with JSON of this schema: ${JSON.stringify(schema)}`);

  const history: HistoryItem[] = system.length > 0 ? [{ type: "system", text: system.join("\n\n") }] : [];
  for (const message of request.messages) {
    if (isInstruction(message)) continue;
    append(history, message.role === "assistant" ? "model" : "user", turnText(message));
  }
  return history;
}

function isInstruction(message: ChatMessage): boolean {
  return message.role === "system" || message.role === "developer";
}

function turnText(message: ChatMessage): string {
  if (
    message.role === "user" &&
    Array.isArray(message.content) &&
    message.content.some((part) => part.type !== "text")
  ) {
    throw new WireError(400, "unsupported_content", "The local model reads text only: leave images out.", "messages");
  }
  if (message.role === "tool") return `Result of ${message.tool_call_id}: ${textOf(message)}`;
  if (message.role !== "assistant") return textOf(message);
  const calls = (message.tool_calls ?? []).map(
    (call) => `{"name": ${JSON.stringify(call.function.name)}, "arguments": ${call.function.arguments}}`,
  );
  return [textOf(message), ...calls].filter(Boolean).join("\n");
}

function append(history: HistoryItem[], type: "user" | "model", text: string): void {
  const last = history.at(-1);
  if (last?.type === "user" && type === "user") last.text += `\n\n${text}`;
  else if (last?.type === "model" && type === "model") last.response.push(`\n\n${text}`);
  else history.push(type === "user" ? { type, text } : { type, response: [text] });
}

function describeTools(tools: readonly ToolDefinition[]): string {
  const lines = tools.map(({ function: { name, description, parameters } }) =>
    JSON.stringify({ name, description, parameters }),
  );
  return [
    "You can call these functions:",
    ...lines,
    'To call one, answer with nothing but {"name": "<function>", "arguments": {<arguments>}}. Otherwise answer in words.',
  ].join("\n");
}
