/** Decides which addresses an answer may point to. */
import { foldText } from "./fold-text.ts";
import { characterSet, has } from "./span-rule.ts";

export const longestUrl = 2048;

const asciiUrlCharacters = characterSet("!#-&*-;=?@A-Z[_a-z~'|\\^");

/** What a bare address runs to: everything but spaces, quotes and the brackets that enclose it in prose, markdown and HTML. */
export function isUrlCharacter(charCode: number): boolean {
  if (charCode < 128) return has(asciiUrlCharacters, charCode);
  const isPunctuation = (charCode >= 0x2000 && charCode <= 0x206f) || (charCode >= 0x3000 && charCode <= 0x303f);
  return charCode > 0xa0 && !isPunctuation && !(charCode >= 0xff00 && charCode <= 0xff0f);
}

/** One past the last character of the address that begins at `at`. */
export function skipUrl(text: string, at: number): number {
  const stop = Math.min(text.length, at + longestUrl);
  let end = at;
  while (end < stop && isUrlCharacter(text.charCodeAt(end))) end += 1;
  return end;
}

/** A backslash is no end: markdown drops it before `@`, and the host would be another. */
export const authorityEnds = characterSet("/?#");

/** How much punctuation may follow an allowed address. */
const longestPunctuation = 16;

const bareUrl = /(?:https?:\/\/|ftp:\/\/|www\.)/gi;

export interface UrlPolicy {
  isHostAllowed(host: string): boolean;
  isUrlAllowed(url: string): boolean;
  /** Whether an allowed address begins with this. */
  mayBecomeAllowed(start: string): boolean;
  /** The most characters of an address that are needed to tell whether it is one of the allowed. */
  longestHold: number;
}

/** `hosts` holds names, `*.name` for everything below one, or `*`; `urls` are allowed exactly as they stand. */
export function createUrlPolicy(hosts: readonly string[], urls: readonly string[]): UrlPolicy {
  const exact = new Set(hosts.map((host) => host.toLowerCase()));
  const allowed = [...new Set(urls.flatMap((url) => extractUrls(url)))];
  return {
    isHostAllowed(host) {
      if (exact.has("*") || exact.has(host)) return true;
      const labels = host.split(".");
      return labels.some((_, index) => index > 0 && exact.has(`*.${labels.slice(index).join(".")}`));
    },
    isUrlAllowed: (url) => url.length - trimUrl(url).length <= longestPunctuation && allowed.includes(trimUrl(url)),
    mayBecomeAllowed(start) {
      const trimmed = trimUrl(start);
      const isComplete = start.length - trimmed.length <= longestPunctuation && allowed.includes(trimmed);
      return isComplete || allowed.some((url) => url.startsWith(start));
    },
    longestHold: allowed.reduce((longest, url) => Math.max(longest, url.length), 0) + longestPunctuation + 1,
  };
}

/** The addresses in a text, cut as the output filter cuts them: what a user or a source mentions may be mentioned back. */
export function extractUrls(text: string): string[] {
  const reading = foldText(text);
  return Array.from(reading.matchAll(bareUrl), ({ index }) => trimUrl(reading.slice(index, skipUrl(reading, index))));
}

/** Without the punctuation that ends the sentence around it. */
function trimUrl(url: string): string {
  let end = url.length;
  while (end > 0 && ".,;:!?'*_|\\".includes(url[end - 1] ?? "")) end -= 1;
  return url.slice(0, end);
}

/**
 * The host of an authority, as a browser reads it: decoded, folded, lower case, without port and final dot.
 * `null` for what no honest link contains: user names, more than one `@`, characters outside of host names.
 */
export function hostOf(authority: string): string | null {
  let host = authority;
  try {
    host = decodeURIComponent(authority);
  } catch {
    return null;
  }
  host = foldText(host.normalize("NFKC"))
    .toLowerCase()
    .replace(/:\d{0,5}$/, "")
    .replace(/\.$/, "");
  return host.length <= 253 && /^[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*$/u.test(host) ? host : null;
}
