import type { ChatMessage } from "../core/chat.ts";
import { boundTokens } from "./bound-tokens.ts";
import { readImageSize } from "./image-size.ts";

type UserPart = Exclude<Extract<ChatMessage, { role: "user" }>["content"], string>[number];
export type MediaPart = Exclude<UserPart, { type: "text" }>;

/** What an image, a recording or a file of a prompt can cost at most with any vendor of the catalog. Read 2026-11-21. */
export function boundMedia(part: MediaPart): number {
  switch (part.type) {
    case "image_url":
      return boundImage(part.image_url.url, part.image_url.detail ?? "auto");
    case "input_audio":
      return boundAudio(part.input_audio);
    case "file":
      return boundFile(part.file.file_data);
  }
}

/** Google: an image is never more at its default resolution (docs.cloud.google.com, "Gemini 3 Flash": 1120). */
const geminiImage = 1_120;
/** Anthropic: patches of 28 pixels, of which an image has at most so many (platform.claude.com, "Vision"; Opus 4.7 and later). */
const claudePatch = 28;
const maxClaudePatches = 4_784;
/** OpenAI: patches of 32 pixels, by detail at most so many (platform.openai.com, "Images and vision"; github.com/openai/codex 19865). */
const openaiPatch = 32;
const maxOpenaiPatches = { low: 256, high: 2_500, auto: 10_000 } as const;
/** What its newer models charge for a patch (community.openai.com/t/1372291). */
const openaiFactor = 1.2;

/** Enough for the headers of any image, and for what cameras put before a JPEG's frame. */
const headBytes = 262_144;

function boundImage(url: string, detail: keyof typeof maxOpenaiPatches): number {
  const size = readImageSize(decodeHead(url, headBytes));
  const patches = (edge: number) =>
    size === null ? Infinity : Math.ceil(size.width / edge) * Math.ceil(size.height / edge);
  const claude = Math.min(patches(claudePatch), maxClaudePatches);
  const openai = Math.ceil(Math.min(patches(openaiPatch), maxOpenaiPatches[detail]) * openaiFactor);
  return Math.max(geminiImage, claude, openai);
}

/** Google's 32 tokens a second (ai.google.dev/gemini-api/docs/audio); OpenAI counts 10. */
const tokensPerSecond = 32;
/** The least an MP3 can have: 8 kbit/s (ISO 13818-3). */
const slowestBytesPerSecond = 1_000;

function boundAudio({ data, format }: { data: string; format: "wav" | "mp3" }): number {
  const seconds = bytesOf(data) / (format === "wav" ? wavBytesPerSecond(data) : slowestBytesPerSecond);
  return Math.ceil(seconds * tokensPerSecond);
}

/** 192 kHz, stereo, 32 bits: a header that claims more is not believed. */
const fastestBytesPerSecond = 1_536_000;

/** The byte rate in the header, where the format chunk is the first one, as encoders write it. */
function wavBytesPerSecond(data: string): number {
  const head = decodeBase64(data.slice(0, 64));
  if (head.length < 32 || String.fromCharCode(...head.subarray(12, 16)) !== "fmt ") return slowestBytesPerSecond;
  const rate = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(28, true);
  return Math.min(Math.max(rate, slowestBytesPerSecond), fastestBytesPerSecond);
}

/** Anthropic: up to 3,000 tokens of text a page, and its image (platform.claude.com, "PDF support"); the others take less. */
const tokensPerPage = 3_000 + maxClaudePatches;
/** Google takes no longer PDF (ai.google.dev/gemini-api/docs/document-processing), Anthropic 600 pages. */
const maxPages = 1_000;
/** Of a PDF whose pages are compressed away: smaller pages on average are made by hand. */
const bytesPerPage = 2_048;

function boundFile(url: string): number {
  const isText = /^data:(?:text\/|application\/json)/.test(url);
  const bytes = decodeHead(url, Infinity);
  if (isText) return boundTokens(new TextDecoder().decode(bytes));
  const pages = url.startsWith("data:application/pdf") ? countPages(bytes) : null;
  return Math.min(pages ?? Math.ceil(bytes.length / bytesPerPage), maxPages) * tokensPerPage;
}

/** Page objects in plain sight, or the page tree's own count; `null` where both are compressed. */
function countPages(bytes: Uint8Array): number | null {
  const text = latin1.decode(bytes);
  const objects = text.match(/\/Type\s*\/Page(?![a-z])/g)?.length ?? 0;
  const counts = [...text.matchAll(/\/(?:Count|N)\s+(\d{1,6})(?=[\s/>])/g)].map((match) => Number(match[1]));
  const pages = Math.max(objects, ...(text.includes("/ObjStm") ? [] : counts));
  return pages === 0 || (text.includes("/ObjStm") && objects === 0) ? null : pages;
}

const latin1 = new TextDecoder("latin1");

/** The first bytes of a data: URL; none of any other. */
function decodeHead(url: string, limit: number): Uint8Array {
  const start = url.indexOf(";base64,");
  if (!url.startsWith("data:") || start === -1) return new Uint8Array();
  const from = start + ";base64,".length;
  return decodeBase64(url.slice(from, from + Math.ceil(limit / 3) * 4));
}

function decodeBase64(text: string): Uint8Array {
  return Buffer.from(text, "base64");
}

function bytesOf(base64: string): number {
  return Math.ceil((base64.length * 3) / 4);
}
