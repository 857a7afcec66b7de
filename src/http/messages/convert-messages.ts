import type { ChatMessage, ThinkingBlock, ToolCall } from "../../core/chat.ts";
import type {
  AssistantBlock,
  DocumentBlock,
  ImageBlock,
  TextBlock,
  ToolResultBlock,
  UserBlock,
} from "./content-blocks.ts";
import type { MessageParam } from "./request.ts";

type UserMessage = Extract<ChatMessage, { role: "user" }>;
type UserPart = Exclude<UserMessage["content"], string>[number];
type TextPart = Extract<UserPart, { type: "text" }>;

/** Anthropic's turns as the gateway's messages. */
export function convertMessage({ role, content }: MessageParam): ChatMessage[] {
  if (role === "user") return convertUser(content);
  if (role === "system") return convertSystem(content);
  return typeof content === "string" ? [{ role, content }] : convertAssistant(content);
}

/** Instructions, unless there are none. */
export function convertSystem(content: string | TextBlock[]): ChatMessage[] {
  if (typeof content === "string") return content === "" ? [] : [{ role: "system", content }];
  const parts = content.map(convertText);
  return parts.length === 0 ? [] : [{ role: "system", content: parts }];
}

function convertUser(content: string | UserBlock[]): ChatMessage[] {
  if (typeof content === "string") return [{ role: "user", content }];
  const results = content.flatMap((block) => (block.type === "tool_result" ? [block] : []));
  // A tool's message holds text only: what else a result shows follows it, as the user's.
  const parts = content.flatMap((block) => (block.type === "tool_result" ? partsBeside(block) : convertPart(block)));
  return [
    ...results.map(convertToolResult),
    ...(parts.length === 0 ? [] : [{ role: "user" as const, content: parts }]),
  ];
}

function convertPart(block: UserBlock): UserPart[] {
  switch (block.type) {
    case "text":
      return [convertText(block)];
    case "image":
      return [convertImage(block)];
    case "document":
      return convertDocument(block);
    // The schema lets none of these through.
    case "tool_result":
    case "search_result":
    case "container_upload":
    case "tool_reference":
      return [];
  }
}

function convertText({ text, cache_control: mark }: TextBlock): TextPart {
  return { type: "text", text, ...marked(mark) };
}

function convertImage({ source, cache_control: mark }: ImageBlock): UserPart {
  const url =
    source.type === "url"
      ? source.url
      : source.type === "base64"
        ? `data:${source.media_type};base64,${source.data}`
        : "";
  return { type: "image_url", image_url: { url }, ...marked(mark) };
}

/** A document of text is the text it is: then the guardrails read it, and every model can. */
function convertDocument({ source, title, context, cache_control: mark }: DocumentBlock): UserPart[] {
  const about: UserPart[] = context ? [{ type: "text", text: context }] : [];
  const text = (words: string): UserPart => ({
    type: "text",
    text: title ? `${title}:\n${words}` : words,
    ...marked(mark),
  });
  switch (source.type) {
    case "base64": {
      const file = {
        file_data: `data:${source.media_type};base64,${source.data}`,
        ...(title ? { filename: title } : {}),
      };
      return [...about, { type: "file", file, ...marked(mark) }];
    }
    case "text":
      return [...about, text(source.data)];
    case "content": {
      const { content } = source;
      return [...about, text(typeof content === "string" ? content : content.map((part) => part.text).join("\n"))];
    }
    // The schema lets neither through.
    case "url":
    case "file":
      return [];
  }
}

function convertToolResult({ tool_use_id: id, content, is_error: isError, cache_control: mark }: ToolResultBlock) {
  const texts =
    typeof content === "string"
      ? [content]
      : (content ?? []).flatMap((block) => (block.type === "text" ? [block.text] : []));
  const text = texts.join("\n");
  return {
    role: "tool" as const,
    tool_call_id: id,
    // The gateway has no mark for a tool that failed: the model is told in words.
    content: isError === true && !/^error\b/i.test(text) ? `Error: ${text}` : text,
    ...marked(mark),
  };
}

function partsBeside({ content }: ToolResultBlock): UserPart[] {
  if (!Array.isArray(content)) return [];
  return content.flatMap((block) =>
    block.type === "image" ? [convertImage(block)] : block.type === "document" ? convertDocument(block) : [],
  );
}

/** Thinking must go back where it stood: blocks that follow something said begin a message of their own. */
function convertAssistant(blocks: AssistantBlock[]): ChatMessage[] {
  const turns: { thinking: ThinkingBlock[]; texts: TextPart[]; calls: ToolCall[] }[] = [];
  for (const block of blocks) {
    let turn = turns.at(-1);
    const isThinking = block.type === "thinking" || block.type === "redacted_thinking";
    if (turn === undefined || (isThinking && turn.texts.length + turn.calls.length > 0)) {
      turn = { thinking: [], texts: [], calls: [] };
      turns.push(turn);
    }
    if (block.type === "thinking" || block.type === "redacted_thinking") turn.thinking.push(block);
    if (block.type === "text") turn.texts.push(convertText(block));
    if (block.type === "tool_use") {
      const call = { name: block.name, arguments: JSON.stringify(block.input) };
      turn.calls.push({ id: block.id, type: "function", function: call });
    }
  }
  return turns.map(({ thinking, texts, calls }) => ({
    role: "assistant",
    content: texts.length === 0 ? null : texts,
    ...(thinking.length === 0 ? {} : { thinking_blocks: thinking }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }));
}

type Mark = TextBlock["cache_control"];

export function marked(mark: Mark): { cache_control?: NonNullable<Mark> } {
  return mark === null || mark === undefined ? {} : { cache_control: mark };
}
