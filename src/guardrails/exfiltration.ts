/**
 * Links and images are how an injected model sends data out: a client that renders the answer fetches an image at once, and a person
 * may follow a link. An address that is not allowed is taken out of the text in every form (inline, reference, HTML, autolink, bare),
 * and `![` loses its meaning, so that what is left can only be rendered as text.
 */
import { alphanumerics, characterSet, has, needMore, noMatch, skip } from "./span-rule.ts";
import type { SpanRule } from "./span-rule.ts";
import { authorityEnds, hostOf, isUrlCharacter, longestUrl, skipUrl } from "./url-policy.ts";
import type { UrlPolicy } from "./url-policy.ts";

const longestAuthority = 300;
/** A browser takes any number of slashes, and none, for two. */
const longestSlashes = 64;
const slashes = characterSet("/\\");
const written = /^(?:(?:https?|ftp|wss?):|www[.\u3002\uff61])/i;
const writtenInPart = /^(?:h(?:t(?:tps?|t)?)?|f(?:tp?)?|w(?:ss?|ww?)?)$/i;

/** An address written out, wherever it stands. */
function bareUrlRule(policy: UrlPolicy): SpanRule {
  return {
    id: "exfiltration.url",
    group: "links",
    firstCharacters: "hfwHFW",
    standsAlone: true,
    maxLength: Math.max(longestAuthority + longestSlashes + 9, policy.longestHold),
    matchAt(text, at, ended) {
      const start = text.slice(at, at + 6);
      const prefix = written.exec(start)?.[0];
      if (prefix === undefined)
        return !ended && writtenInPart.test(start) && at + start.length === text.length ? needMore : noMatch;
      // In `https://www.…` the scheme has decided already.
      const isName = !prefix.endsWith(":");
      if (isName && text[at - 1] === "/") return noMatch;
      const authority = skip(text, at + prefix.length, slashes, isName ? 0 : longestSlashes);
      if (authority >= text.length && !ended) return needMore;
      if (authority - at - prefix.length >= longestSlashes) return authority;
      return decideUrl(policy, text, { at, authority: prefix === "www." ? at : authority, from: authority, ended });
    },
    replace: (matched) => `[link removed${hostSuffix(matched.replace(/^www[\u3002\uff61]/i, "www."))}]`,
    startTail: () => isUrlCharacter,
  };
}

interface UrlPlace {
  at: number;
  authority: number;
  /** Where what follows the scheme begins. */
  from: number;
  ended: boolean;
}

function decideUrl(policy: UrlPolicy, text: string, { at, authority, from, ended }: UrlPlace): number {
  const end = skipUrl(text, from);
  const isOpen = end >= text.length && !ended && end - at < longestUrl;
  let hostEnd = from;
  while (hostEnd < end && hostEnd - from < longestAuthority && !has(authorityEnds, text.charCodeAt(hostEnd)))
    hostEnd += 1;
  if (hostEnd >= end && isOpen && hostEnd - from < longestAuthority) return needMore;
  const host = hostOf(text.slice(authority, hostEnd).replace(/[.,;:!?'*_|]+$/, ""));
  if (host === null && hostEnd === from) return noMatch;
  // `http:status` in prose or code; without slashes only a name with a dot is a host, or what hides one.
  const hasSlashes = text[from - 1] === "/" || text[from - 1] === "\\";
  if (!hasSlashes && text[from - 1] === ":" && !/[.@%\u3002\uff61]/.test(text.slice(from, hostEnd + 1))) return noMatch;
  if (host !== null && policy.isHostAllowed(host)) return noMatch;
  const url = text.slice(at, end);
  if (isOpen && policy.mayBecomeAllowed(url)) return needMore;
  return !isOpen && policy.isUrlAllowed(url) ? noMatch : hostEnd;
}

function hostSuffix(matched: string): string {
  const authority = matched.replace(/^(?:https?:|ftp:|wss?:)?[\\/]*/i, "").replace(/[/?#].*$/s, "");
  if (dangerousScheme.test(matched) || otherScheme.test(matched)) return "";
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
/** Schemes that carry their content, or hand it to another program. */
const dangerousScheme =
  /^(?:javascript|vbscript|data|file|blob|filesystem|smsto|sms|mmsto|mms|ssh|telnet|intent|market|whatsapp|slack|skype|facetime|vscode|ms-[a-z-]{1,20}|x-[a-z-]{1,20}):|^mailto:[^?]*\?/i;
/** `std::string` after `](` is a parameter in C++, and `note: x` prose. */
const otherScheme = /^(?!https?:|ftp:|wss?:|mailto:|tel:)[a-z][a-z0-9+.-]*:(?!:)./i;
const externalStart = /^(?:https?:|ftp:|wss?:)?[\\/]{2,}([^\\/?#]*)|^(?:https?|ftp|wss?):[\\/]*([^\\/?#]*)/i;

/**
 * The forms only a parser sees as an address: without a scheme, with escapes or entities, with backslashes, or with a scheme that
 * carries its content. They are looked at where markdown and HTML have a destination: after `](`, `]:` and `=`.
 */
function destinationRule(policy: UrlPolicy): SpanRule {
  return {
    id: "exfiltration.destination",
    group: "links",
    firstCharacters: "/\\&\tABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    standsAlone: false,
    maxLength: longestDestination,
    matchAt(text, at, ended) {
      const place = placeBefore(text, at);
      if (place === null) return noMatch;
      const start = text.slice(at, at + 32);
      if (writtenOut.test(start) || !mayBeAddress(start)) return noMatch;
      const endCharacters = place === "markdown" ? markdownEnds : attributeEnds;
      const stop = Math.min(text.length, at + longestDestination);
      let end = at;
      while (end < stop && !has(endCharacters, text.charCodeAt(end))) end += 1;
      if (end >= text.length && !ended && end - at < longestDestination) return needMore;
      const decoded = decodeDestination(text.slice(at, end));
      if (dangerousScheme.test(decoded) || (place === "markdown" && otherScheme.test(decoded))) return end;
      const authority = externalStart.exec(decoded);
      if (authority === null) return noMatch;
      const name = authority[1] ?? authority[2] ?? "";
      // In a style, the bracket ends the address.
      const host = hostOf(text[at - 1] === "(" ? name.replace(/\).*$/s, "") : name);
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
  return /^[\\/](?:$|[\\/&\t\r\n])|^&|^[a-z][a-z0-9+.-]{0,30}(?:$|[:&\\\t\r\n])/i.test(start);
}

const openers = characterSet(" \t\r\n<\"'");

/** Which kind of destination, if any, begins here. A run of blanks longer than can be seen counts as one. */
function placeBefore(text: string, at: number): "markdown" | "attribute" | null {
  if (has(alphanumerics, text.charCodeAt(at - 1))) return null;
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

const activeTag =
  /^<(?:script|style|iframe|frame|frameset|object|embed|applet|portal|svg|math|img|image|picture|source|track|link|meta|base|form|input|button|textarea|select|video|audio|body|html|template|details|marquee|a)(?![a-z0-9-])/i;
const activeTagInPart = /^<[a-z]{0,9}$/i;

/** HTML that fetches, runs or sends: a blank after `<` makes it text for every parser, and leaves code readable. */
const activeHtmlRule: SpanRule = {
  id: "exfiltration.html",
  group: "links",
  firstCharacters: "<",
  standsAlone: false,
  maxLength: 12,
  matchAt(text, at, ended) {
    const start = text.slice(at, at + 12);
    if (!ended && at + start.length === text.length && activeTagInPart.test(start)) return needMore;
    return activeTag.test(start) ? at + 1 : noMatch;
  },
  replace: () => "< ",
};

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
    ...(links === null ? [] : [activeHtmlRule, destinationRule(links), bareUrlRule(links)]),
  ];
}
