import { textOf, type ChatMessage, type ChatRequest } from "../core/chat.ts";
import { fromBase64Url } from "../core/hash.ts";
import { AppError } from "../core/errors.ts";
import { stringsOf } from "../guardrails/score-request.ts";
import { headLength, mediaTypeOf } from "./file-kind.ts";

type UserPart = Exclude<Extract<ChatMessage, { role: "user" }>["content"], string>[number];
type FilePart = Extract<UserPart, { type: "file" }>;

/** Every guardrail reads all of a request's text. No model's window holds as much. */
const maxTextCharacters = 4_000_000;

/** What several spellings of a request have in common: the one that guardrails, routes and providers see. */
export function normaliseRequest(request: ChatRequest): ChatRequest {
  const normalised: ChatRequest = { ...request, messages: request.messages.map(readTextFiles) };
  const characters = normalised.messages.reduce((total, message) => total + lengthOf(message), 0) + sideLength(request);
  refuseTooMuchText(characters, "messages");
  const isJson = request.response_format !== undefined && request.response_format.type !== "text";
  // A form is best filled in without chance.
  if (isJson && (request.temperature === undefined || request.temperature === null)) normalised.temperature = 0;
  return withAllowedTools(normalised);
}

/** `param` is the field that holds them. */
export function refuseTooMuchText(characters: number, param: string): void {
  if (characters <= maxTextCharacters) return;
  throw new AppError(
    "request_too_large",
    `The request holds ${characters} characters; at most ${maxTextCharacters} are read.`,
    { param },
  );
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

const dataUrl = /^data:([^;,]*);base64,/i;
/** In base64, with room for line breaks. */
const headCharacters = headLength * 4;

/** A file of text becomes the text it is, whatever it is called: then the guardrails read it, and every model can. */
function readTextFiles(message: ChatMessage, index: number): ChatMessage {
  if (message.role !== "user" || typeof message.content === "string") return message;
  return { ...message, content: message.content.map((part) => (part.type === "file" ? readFile(part, index) : part)) };
}

function readFile(part: FilePart, index: number): UserPart {
  const { cache_control: mark, file } = part;
  const param = `messages.${index}.content`;
  const invalid = (what: string) => new AppError("invalid_request", `${param}: ${what}`, { param });
  const [prefix = "", declared = ""] = dataUrl.exec(file.file_data) ?? [];
  const data = file.file_data.slice(prefix.length);
  const head = data.slice(0, headCharacters).replace(/\s/g, "");
  const type = mediaTypeOf(decode(head.slice(0, head.length - (head.length % 4)), invalid), declared);
  if (type !== null) return { ...part, file: { ...file, file_data: `data:${type};base64,${data}` } };
  try {
    const text = `${file.filename ?? "file"}:\n${strictUtf8.decode(decode(data, invalid))}`;
    return { type: "text", text, ...(mark === undefined ? {} : { cache_control: mark }) };
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw invalid("a file is neither text in UTF-8 nor a PDF, an image, a WAV or MP3 recording or an Office document");
  }
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

function decode(base64: string, invalid: (what: string) => AppError): Uint8Array {
  const bytes = fromBase64Url(base64);
  if (bytes === null) throw invalid("file_data is not valid base64");
  return bytes;
}
