/**
 * Links and images are how an injected model sends data out: a client that renders the answer fetches an image at once, and a person
 * may follow a link. An address that is not allowed is taken out of the text in every form (inline, reference, HTML, autolink, bare),
 * and `![` loses its meaning, so that what is left can only be rendered as text.
 */
import { characterSet, has, needMore, noMatch } from "./span-rule.ts";
import type { SpanRule } from "./span-rule.ts";
import { authorityEnds, hostOf, isUrlCharacter, longestUrl, skipUrl } from "./url-policy.ts";
import type { UrlPolicy } from "./url-policy.ts";

const longestAuthority = 300;
const schemes = ["https://", "http://", "ftp://", "www."] as const;

/** An address written out, wherever it stands. */
function bareUrlRule(policy: UrlPolicy): SpanRule {
  return {
    id: "exfiltration.url",
    group: "links",
    firstCharacters: "hfwHFW",
    standsAlone: true,
    maxLength: Math.max(longestAuthority + 9, policy.longestHold),
    matchAt(text, at, ended) {
      const authority = findAuthority(text, at, ended);
      return authority < 0 ? authority : decideUrl(policy, text, { at, authority, ended });
    },
    replace: (matched) => `[link removed${hostSuffix(matched)}]`,
    startTail: () => isUrlCharacter,
  };
}

function findAuthority(text: string, at: number, ended: boolean): number {
  const start = text.slice(at, at + 8).toLowerCase();
  for (const scheme of schemes) {
    // In `https://www.…` the scheme has decided already.
    if (scheme === "www." && text[at - 1] === "/") continue;
    if (start.startsWith(scheme)) return scheme === "www." ? at : at + scheme.length;
    if (!ended && at + start.length === text.length && scheme.startsWith(start)) return needMore;
  }
  return noMatch;
}

interface UrlPlace {
  at: number;
  authority: number;
  ended: boolean;
}

function decideUrl(policy: UrlPolicy, text: string, { at, authority, ended }: UrlPlace): number {
  const end = skipUrl(text, at);
  const isOpen = end >= text.length && !ended && end - at < longestUrl;
  let hostEnd = authority;
  while (hostEnd < end && hostEnd - authority < longestAuthority && !has(authorityEnds, text.charCodeAt(hostEnd)))
    hostEnd += 1;
  if (hostEnd >= end && isOpen && hostEnd - authority < longestAuthority) return needMore;
  const host = hostOf(text.slice(authority, hostEnd).replace(/[.,;:!?'*_|]+$/, ""));
  if (host === null && hostEnd === authority) return noMatch;
  if (host !== null && policy.isHostAllowed(host)) return noMatch;
  const url = text.slice(at, end);
  if (isOpen && policy.mayBecomeAllowed(url)) return needMore;
  return !isOpen && policy.isUrlAllowed(url) ? noMatch : hostEnd;
}

function hostSuffix(matched: string): string {
  const authority = matched.replace(/^(?:https?:|ftp:|wss?:)?[\\/]*/i, "").replace(/[/?#].*$/s, "");
  if (dangerousScheme.test(matched)) return "";
  const host = hostOf(authority.replace(/[.,;:!?'*_|]+$/, ""));
  return host === null ? "" : `: ${host}`;
}

/** Enough for a scheme and a host, however they are written. */
const longestDestination = 200;
const quote = 39;
const markdownEnds = characterSet(" \t\r\n\"'`<>)");
/** A browser drops line breaks and tabs inside an address. */
const attributeEnds = characterSet(" \"'`<>");
const writtenOut = /^(?:https?|ftp):\/\//i;
const dangerousScheme = /^(?:javascript|vbscript|data|file|blob|filesystem):/i;
const externalStart = /^(?:https?:|ftp:|wss?:)?[\\/]{2,}([^\\/?#]*)|^(?:https?|ftp|wss?):[\\/]*([^\\/?#]*)/i;

/**
 * The forms only a parser sees as an address: without a scheme, with escapes or entities, with backslashes, or with a scheme that
 * carries its content. They are looked at where markdown and HTML have a destination: after `](`, `]:` and `=`.
 */
function destinationRule(policy: UrlPolicy): SpanRule {
  return {
    id: "exfiltration.destination",
    group: "links",
    firstCharacters: "/\\&JjVvDdFfBbHhWw\t",
    standsAlone: false,
    maxLength: longestDestination,
    matchAt(text, at, ended) {
      const place = placeBefore(text, at);
      if (place === null) return noMatch;
      const start = text.slice(at, at + 16);
      if (writtenOut.test(start) || !mayBeAddress(start)) return noMatch;
      const endCharacters = place === "markdown" ? markdownEnds : attributeEnds;
      const stop = Math.min(text.length, at + longestDestination);
      let end = at;
      while (end < stop && !has(endCharacters, text.charCodeAt(end))) end += 1;
      if (end >= text.length && !ended && end - at < longestDestination) return needMore;
      const decoded = decodeDestination(text.slice(at, end));
      if (dangerousScheme.test(decoded)) return end;
      const authority = externalStart.exec(decoded);
      if (authority === null) return noMatch;
      const host = hostOf(authority[1] ?? authority[2] ?? "");
      if (place === "attribute" && (host === null || !host.includes("."))) return noMatch;
      // A host that was cut short may go on to be another.
      const isCut = end - at >= longestDestination && authority[0].length === decoded.length;
      return host !== null && !isCut && policy.isHostAllowed(host) ? noMatch : end;
    },
    replace: (matched) => `[link removed${hostSuffix(decodeDestination(matched))}]`,
    startTail: () => (charCode) => charCode !== quote && isUrlCharacter(charCode),
  };
}

/** False once the beginning rules an address out, so that `](path/to/page` need not wait for its end. */
function mayBeAddress(start: string): boolean {
  return /^[\\/](?:$|[\\/&\t\r\n])|^&|^[a-z+.-]{1,12}(?:$|[:&\\\t\r\n])/i.test(start);
}

const openers = characterSet(" \t\r\n<\"'");

/** Which kind of destination, if any, begins here. A run of blanks longer than can be seen counts as one. */
function placeBefore(text: string, at: number): "markdown" | "attribute" | null {
  let before = at - 1;
  while (before >= 0 && at - before < 250 && has(openers, text.charCodeAt(before))) before -= 1;
  if (at - before >= 250) return "markdown";
  const sign = text[before];
  if (sign === "=") return "attribute";
  if (text[before - 1] === "]" && (sign === "(" || sign === ":")) return "markdown";
  // url(//host) in a style.
  return sign === "(" && text.startsWith("//", at) ? "attribute" : null;
}

const entities: Readonly<Record<string, string>> = {
  colon: ":",
  sol: "/",
  bsol: "\\",
  period: ".",
  amp: "&",
  tab: "",
  newline: "",
};

function decodeDestination(destination: string): string {
  return destination
    .replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,8}));?/gi, (whole, hex, decimal, name: string | undefined) => {
      if (name !== undefined) return entities[name.toLowerCase()] ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "";
    })
    .replace(/\\([!-/:-@[-`{-~])/g, "$1")
    .replace(/[\0-\x20]/g, "");
}

const longestImage = 1024;

/** An image becomes a link unless its host is allowed; `![1]` stays readable, since only a blank is put between. */
function imageRule(policy: UrlPolicy, hasHosts: boolean): SpanRule {
  return {
    id: "exfiltration.image",
    group: "images",
    firstCharacters: "!",
    standsAlone: false,
    maxLength: longestImage,
    matchAt(text, at, ended) {
      if (at + 1 >= text.length) return ended ? noMatch : needMore;
      if (text[at + 1] !== "[") return noMatch;
      if (!hasHosts) return at + 1;
      const window = text.slice(at, at + longestImage);
      const inline = /^!\[[^[\]]*\]\(https:\/\/([^\s\\/?#)@]+)(?=[/?#)])/i.exec(window);
      if (inline !== null) return policy.isHostAllowed(hostOf(inline[1] ?? "") ?? "") ? noMatch : at + 1;
      const isOpen = !ended && window.length < longestImage && /^!\[[^[\]]*(?:\](?:\([^\s)]*)?)?$/.test(window);
      return isOpen ? needMore : at + 1;
    },
    replace: () => "! ",
  };
}

export interface ExfiltrationOptions {
  links: UrlPolicy | null;
  images: UrlPolicy | null;
  hasImageHosts: boolean;
}

export function exfiltrationRules({ links, images, hasImageHosts }: ExfiltrationOptions): SpanRule[] {
  return [
    ...(images === null ? [] : [imageRule(images, hasImageHosts)]),
    ...(links === null ? [] : [destinationRule(links), bareUrlRule(links)]),
  ];
}
