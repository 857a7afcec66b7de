/** Undoes the ways of writing an instruction so that a model reads it and a rule does not. */
import { foldText } from "./fold-text.ts";

export type TextOrigin = "plain" | "spaced" | "tags" | "base64" | "hex" | "rot13";

export interface CandidateText {
  origin: TextOrigin;
  /** Folded, in lower case, blanks run together. */
  text: string;
}

/** A decoded text shorter than this says nothing. */
const shortestHidden = 12;
/** How many encoded pieces of one text are decoded: the rest of a file of them is data. */
const maxDecoded = 16;

/** The text as a rule should read it, first, then whatever is hidden in it, each decoded once. */
export function candidateTexts(text: string): CandidateText[] {
  const plain = simplify(text);
  const hidden = [readTags(text), ...decodeBase64(text), ...decodeHex(text), joinSpaced(text), readRot13(plain)];
  return [{ origin: "plain", text: plain }, ...hidden.filter((candidate) => candidate !== null)];
}

/** NFKC, lookalikes folded, invisible characters dropped, lower case, one blank for many. */
export function simplify(text: string): string {
  return foldText(text.normalize("NFKC")).toLowerCase().replace(/\s+/g, " ");
}

/** Tag characters (U+E0020 to U+E007E) mirror ASCII and show nothing. Behind a black flag they name a region. */
function readTags(text: string): CandidateText | null {
  if (!text.includes("\u{db40}")) return null;
  let hidden = "";
  for (const character of text.replace(/\u{1f3f4}[\u{e0020}-\u{e007f}]{1,8}/gu, "")) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xe0020 && code <= 0xe007e) hidden += String.fromCharCode(code - 0xe0000);
  }
  return hidden.length >= shortestHidden ? { origin: "tags", text: simplify(hidden) } : null;
}

function decodeBase64(text: string): CandidateText[] {
  return Array.from(text.matchAll(/[A-Za-z0-9+/_-]{20,}={0,2}/g))
    .slice(0, maxDecoded)
    .flatMap(([encoded]) => {
      const body = encoded.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/");
      const bytes = atob(body.slice(0, body.length - (body.length % 4 === 1 ? 1 : 0)));
      return readable("base64", bytes);
    });
}

function decodeHex(text: string): CandidateText[] {
  return Array.from(text.matchAll(/(?:\\x|0x)?[0-9a-fA-F]{2}(?:[ ,]?(?:\\x|0x)?[0-9a-fA-F]{2}){11,}/g))
    .slice(0, maxDecoded)
    .flatMap(([encoded]) => {
      const bytes = encoded.replace(/\\x|0x|[ ,]/g, "").match(/../g) ?? [];
      return readable("hex", String.fromCharCode(...bytes.slice(0, 4096).map((byte) => Number.parseInt(byte, 16))));
    });
}

/** Text made of letters and blanks; a hash or a picture is none. */
function readable(origin: TextOrigin, bytes: string): CandidateText[] {
  const letters = bytes.replace(/[^A-Za-z ,.'!?\n]/g, "").length;
  return bytes.length >= shortestHidden && letters >= bytes.length * 0.85 && bytes.includes(" ")
    ? [{ origin, text: simplify(bytes) }]
    : [];
}

/** `i g n o r e` and `i.g.n.o.r.e`, one separator throughout, so that a wider gap still parts two words. */
function joinSpaced(text: string): CandidateText | null {
  const lower = foldText(text).toLowerCase();
  const joined = lower.replace(/(?<![a-z])[a-z]([ .*_-])[a-z](?:\1[a-z]){2,}(?![a-z])/g, (spaced) =>
    spaced.replace(/[ .*_-]/g, ""),
  );
  return joined === lower ? null : { origin: "spaced", text: simplify(joined) };
}

/** `ignore`, `previous`, `instructions`, `prompt`, `system` in rot13: at least two, or it is not worth turning. */
function readRot13(plain: string): CandidateText | null {
  const hits = plain.match(/vtaber|cerivbhf|vafgehpgvba|cebzcg|flfgrz|qvfertneq|erirny/g);
  if (hits === null || hits.length < 2) return null;
  const text = plain.replace(/[a-z]/g, (letter) => String.fromCharCode(((letter.charCodeAt(0) - 97 + 13) % 26) + 97));
  return { origin: "rot13", text };
}
