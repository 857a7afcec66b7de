import { textOf, type ChatMessage, type ChatRequest } from "../core/chat.ts";
import { fromBase64Url } from "../core/hash.ts";
import { AppError } from "../core/errors.ts";

/** Every guardrail reads all of a request's text. No model's window holds as much. */
const maxTextCharacters = 4_000_000;

/** What several spellings of a request have in common: the one that guardrails, routes and providers see. */
export function normaliseRequest(request: ChatRequest): ChatRequest {
  const normalised: ChatRequest = { ...request, messages: request.messages.map(readTextFiles) };
  const characters = normalised.messages.reduce((total, message) => total + textOf(message).length, 0);
  if (characters > maxTextCharacters) {
    throw new AppError(
      "request_too_large",
      `The messages hold ${characters} characters; at most ${maxTextCharacters} are read.`,
      {
        param: "messages",
      },
    );
  }
  const isJson = request.response_format !== undefined && request.response_format.type !== "text";
  // A form is best filled in without chance.
  if (isJson && (request.temperature === undefined || request.temperature === null)) normalised.temperature = 0;
  return withAllowedTools(normalised);
}

/** `allowed_tools` is a choice among fewer tools; not every provider knows the word. */
function withAllowedTools(request: ChatRequest): ChatRequest {
  const choice = request.tool_choice;
  if (typeof choice !== "object" || choice.type !== "allowed_tools") return request;
  const { mode, tools: allowed } = choice.allowed_tools;
  const names = new Set(allowed.map((tool) => tool.function.name));
  const tools = (request.tools ?? []).filter((tool) => names.has(tool.function.name));
  const missing = [...names].find((name) => !tools.some((tool) => tool.function.name === name));
  if (missing !== undefined) {
    throw new AppError("invalid_request", `tool_choice: ${missing} is not among the tools`, { param: "tool_choice" });
  }
  return { ...request, tools, tool_choice: mode };
}

const textFile = /^data:(?:text\/[\w.+-]+|application\/(?:json|xml|x-ndjson));base64,(.*)$/s;

/** A file of text becomes the text it is: then the guardrails read it, and every model can. */
function readTextFiles(message: ChatMessage, index: number): ChatMessage {
  if (message.role !== "user" || typeof message.content === "string") return message;
  const content = message.content.map((part) => {
    const data = part.type === "file" ? textFile.exec(part.file.file_data)?.[1] : undefined;
    if (part.type !== "file" || data === undefined) return part;
    const bytes = fromBase64Url(data);
    if (bytes === null) {
      throw new AppError("invalid_request", `messages.${index}.content: file_data is not valid base64`, {
        param: `messages.${index}.content`,
      });
    }
    const { cache_control: mark, file } = part;
    const text = `${file.filename ?? "file"}:\n${new TextDecoder().decode(bytes)}`;
    return { type: "text" as const, text, ...(mark === undefined ? {} : { cache_control: mark }) };
  });
  return { ...message, content };
}
