/** Scores what of a request others wrote, as the model will read it: message by message, and over the seams between them. */
import type { ChatMessage, ToolDefinition } from "../core/chat.ts";
import { textOf } from "../core/chat.ts";
import type { InjectionScore, InjectionScorer, InjectionText } from "./injection.ts";

export interface InjectionFinding extends InjectionScore {
  /** The request field, e.g. `messages.3`. */
  param: string;
  /** False for an earlier answer of the model: one that explains an attack must not end the conversation for good. */
  mayRefuse: boolean;
}

/** Scores messages; system and developer messages are the application's own words. */
export function scoreConversation(messages: readonly ChatMessage[], score: InjectionScorer): InjectionFinding[] {
  const single = messages.flatMap((message, index) => {
    const texts = [textOf(message), ...joinedParts(message), ...sideTexts(message)];
    return isTrusted(message) ? [] : [finding(`messages.${index}`, message, texts, score)];
  });
  const runs: InjectionFinding[] = [];
  for (let first = 0, end = 0; first < messages.length; first = end) {
    const message = messages[first];
    while (end < messages.length && messages[end]?.role === message?.role) end += 1;
    if (message === undefined || isTrusted(message) || end - first < 2) continue;
    const texts = messages.slice(first, end).map(textOf);
    runs.push(finding(`messages.${first}`, message, [texts.join(" "), texts.join("")], score));
  }
  return [...single, ...runs];
}

function isTrusted(message: ChatMessage): boolean {
  return message.role === "system" || message.role === "developer";
}

function finding(param: string, message: ChatMessage, texts: string[], score: InjectionScorer): InjectionFinding {
  const origin = message.role === "tool" ? "data" : "user";
  return { param, mayRefuse: message.role !== "assistant", ...scoreHighest(texts, origin, score) };
}

/** A word cut in two by the seam between two parts is whole again without the line break. */
function joinedParts(message: ChatMessage): string[] {
  if (!Array.isArray(message.content) || message.content.length < 2) return [];
  return [message.content.map((part) => ("text" in part ? part.text : "")).join("")];
}

function sideTexts(message: ChatMessage): string[] {
  const name = "name" in message && message.name !== undefined ? [message.name] : [];
  if (message.role !== "assistant") return [...name, ...fileNames(message)];
  const calls = (message.tool_calls ?? []).flatMap((call) => [
    call.function.name,
    ...stringsOf(parse(call.function.arguments)),
  ]);
  return [...name, ...(typeof message.refusal === "string" ? [message.refusal] : []), calls.join("\n")];
}

/** What a model is told a file is called. */
function fileNames({ content }: ChatMessage): string[] {
  if (!Array.isArray(content)) return [];
  return content.flatMap((part) => (part.type === "file" && part.file.filename ? [part.file.filename] : []));
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** Scores the definitions of tools: names, descriptions and schemas. */
export function scoreTools(tools: readonly ToolDefinition[], score: InjectionScorer): InjectionFinding[] {
  return tools.map((tool, index) => scoreField(`tools.${index}`, tool.function, score));
}

/** Scores every string in a field of the request, names of properties included. */
export function scoreField(param: string, value: unknown, score: InjectionScorer): InjectionFinding {
  const strings = stringsOf(value);
  return { param, mayRefuse: true, ...scoreHighest([strings.join("\n"), strings.join("")], "user", score) };
}

function scoreHighest(texts: string[], origin: InjectionText["origin"], score: InjectionScorer): InjectionScore {
  const scores = [...new Set(texts)].filter((text) => text !== "").map((text) => score({ text, origin }));
  const rules = [...new Set(scores.flatMap((each) => each.rules))];
  return { score: Math.max(0, ...scores.map((each) => each.score)), rules };
}

/** The strings in a JSON value, in order: property names and values. Iterative, since a value may be nested deeply. */
export function stringsOf(value: unknown): string[] {
  const strings: string[] = [];
  const open: unknown[] = [value];
  while (open.length > 0) {
    const current = open.pop();
    if (typeof current === "string") strings.push(current);
    else if (Array.isArray(current)) for (const item of current.toReversed()) open.push(item);
    else if (typeof current === "object" && current !== null) {
      for (const [name, item] of Object.entries(current).toReversed()) open.push(item, name);
    }
  }
  return strings;
}
