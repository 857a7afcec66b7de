import { textOf, type ChatMessage, type ChatRequest } from "../core/chat.ts";
import { fromBase64Url } from "../core/hash.ts";
import { AppError } from "../core/errors.ts";
import { stringsOf } from "../guardrails/score-request.ts";

/** Every guardrail reads all of a request's text. No model's window holds as much. */
const maxTextCharacters = 4_000_000;

/** What several spellings of a request have in common: the one that guardrails, routes and providers see. */
export function normaliseRequest(request: ChatRequest): ChatRequest {
  const normalised: ChatRequest = { ...request, messages: request.messages.map(readTextFiles) };
  const characters = normalised.messages.reduce((total, message) => total + lengthOf(message), 0) + sideLength(request);
  if (characters > maxTextCharacters) {
    throw new AppError(
      "request_too_large",
      `The request holds ${characters} characters; at most ${maxTextCharacters} are read.`,
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

/** What guardrails read of a message. */
function lengthOf(message: ChatMessage): number {
  if (message.role !== "assistant") return textOf(message).length;
  const { refusal, tool_calls: calls = [], thinking_blocks: blocks = [] } = message;
  const called = calls.reduce((total, call) => total + call.function.arguments.length, 0);
  const thought = blocks.reduce((total, block) => total + (block.type === "thinking" ? block.thinking.length : 0), 0);
  return textOf(message).length + (refusal?.length ?? 0) + called + thought;
}

/** What they read of the other fields. */
function sideLength({ tools, response_format: format, stop }: ChatRequest): number {
  return stringsOf([tools, format, stop]).reduce((total, text) => total + text.length, 0);
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

const textFile = /^data:(?:text\/[\w.+-]+|application\/(?:json|xml|x-ndjson));base64,(.*)$/is;

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
