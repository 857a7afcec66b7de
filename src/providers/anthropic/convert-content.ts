import type { ChatMessage } from "../../core/chat.ts";
import { AppError } from "../../core/errors.ts";

/** A content block on Anthropic's wire. */
export type WireBlock = { type: string } & Record<string, unknown>;

type UserContent = Extract<ChatMessage, { role: "user" }>["content"];
export type UserPart = Exclude<UserContent, string>[number];

const base64Url = /^data:([\w.+-]+\/[\w.+-]+);base64,/;

/** Content as blocks; empty texts are left out, for Anthropic refuses them. */
export function convertContent(content: UserContent): WireBlock[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  return content.flatMap((part) => convertPart(part) ?? []);
}

function convertPart(part: UserPart): WireBlock | null {
  switch (part.type) {
    case "text":
      return part.text === "" ? null : { type: "text", text: part.text, ...marked(part) };
    case "image_url":
      return { type: "image", source: imageSource(part.image_url.url), ...marked(part) };
    case "file":
      return {
        type: "document",
        source: documentSource(part.file.file_data),
        ...(part.file.filename === undefined ? {} : { title: part.file.filename }),
        ...marked(part),
      };
    case "input_audio":
      throw notTaken("Claude takes no audio: send its transcript.", "messages");
  }
}

/** The mark of a prefix worth caching, where the caller set one. */
export function marked({ cache_control: mark }: { cache_control?: unknown }): Record<string, unknown> {
  return mark === undefined ? {} : { cache_control: mark };
}

function imageSource(url: string): Record<string, unknown> {
  const mediaType = base64Url.exec(url)?.[1];
  if (mediaType !== undefined) return { type: "base64", media_type: mediaType, data: url.slice(url.indexOf(",") + 1) };
  if (url.startsWith("data:")) throw notTaken("An image in a data: URL must be base64.", "messages");
  return { type: "url", url };
}

function documentSource(dataUrl: string): Record<string, unknown> {
  const mediaType = base64Url.exec(dataUrl)?.[1] ?? "";
  const data = dataUrl.slice(dataUrl.indexOf(",") + 1);
  if (mediaType === "application/pdf") return { type: "base64", media_type: mediaType, data };
  if (mediaType.startsWith("text/") || mediaType === "application/json")
    return { type: "text", media_type: "text/plain", data: decodeText(data) };
  throw notTaken(`Claude takes PDF and text files, not ${mediaType}.`, "messages");
}

function decodeText(base64: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  } catch {
    throw new AppError("invalid_request", "A file's data is not valid base64.", { param: "messages" });
  }
}

/** Another candidate may take what this provider does not. */
export function notTaken(message: string, param: string): AppError {
  return new AppError("unsupported_parameter", message, { param, retryable: true });
}
