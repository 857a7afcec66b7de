/** Personal data that a checksum, a valid range or a strict form tells from ordinary numbers. */
import { longestCard, matchCard } from "./card.ts";
import { isNhsNumberValid, isNpiValid, isSpanishIdValid, isSsnValid } from "./checksums.ts";
import { longestIban, matchIban } from "./iban.ts";
import { alphanumerics, characterSet, digits, endBefore, firstOf, has, needMore, noMatch, skip } from "./span-rule.ts";
import type { SpanRule } from "./span-rule.ts";

const separators = characterSet(" .-");

/** Groups of digits of the given sizes, one separator between two of them. */
function matchGroups(text: string, at: number, sizes: readonly number[], ended: boolean): number {
  let end = at;
  for (const [group, size] of sizes.entries()) {
    if (group > 0) {
      if (end >= text.length) return ended ? noMatch : needMore;
      if (!has(separators, text.charCodeAt(end))) return noMatch;
      end += 1;
    }
    const next = skip(text, end, digits, size);
    if (next - end < size) return next >= text.length && !ended ? needMore : noMatch;
    end = next;
  }
  return endBefore(text, end, alphanumerics, ended);
}

function digitsOf(matched: string): string {
  return matched.replace(/\D/g, "");
}

function checked(outcome: number, text: string, at: number, isValid: (digits: string) => boolean): number {
  return outcome < 0 || isValid(digitsOf(text.slice(at, outcome))) ? outcome : noMatch;
}

function matchSsn(text: string, at: number, ended: boolean): number {
  return checked(matchGroups(text, at, [3, 2, 4], ended), text, at, isSsnValid);
}

/** Whether one of the words stands in the text shortly before: ten bare digits mean nothing without it. */
function follows(text: string, at: number, words: RegExp): boolean {
  return words.test(text.slice(Math.max(0, at - 40), at));
}

function matchNpi(text: string, at: number, ended: boolean): number {
  if (!follows(text, at, /\bnpi\b|national provider/i)) return noMatch;
  return checked(matchGroups(text, at, [10], ended), text, at, isNpiValid);
}

function matchNhs(text: string, at: number, ended: boolean): number {
  if (!follows(text, at, /\bnhs\b/i)) return noMatch;
  return firstOf(
    [[10], [3, 3, 4]].map((sizes) => checked(matchGroups(text, at, sizes, ended), text, at, isNhsNumberValid)),
  );
}

function matchSpanishId(text: string, at: number, ended: boolean): number {
  const start = has(digits, text.charCodeAt(at)) ? at : at + 1;
  const wanted = start === at ? 8 : 7;
  let end = skip(text, start, digits, wanted);
  if (end - start < wanted) return end >= text.length && !ended ? needMore : noMatch;
  if (text[end] === "-" || (end >= text.length && !ended)) end += 1;
  if (end >= text.length) return ended ? noMatch : needMore;
  const outcome = endBefore(text, end + 1, alphanumerics, ended);
  return outcome < 0 || isSpanishIdValid(text.slice(at, outcome).replace("-", "")) ? outcome : noMatch;
}

const localPart = characterSet("A-Za-z0-9!#$%&'*+/=?^_`{|}~.-");
const hostPart = characterSet("A-Za-z0-9.-");

function matchEmail(text: string, at: number, ended: boolean): number {
  if (at > 0 && has(localPart, text.charCodeAt(at - 1))) return noMatch;
  const sign = skip(text, at, localPart, 64);
  if (sign >= text.length) return ended ? noMatch : needMore;
  if (text[sign] !== "@") return noMatch;
  const end = skip(text, sign + 1, hostPart, 255);
  if (end >= text.length && !ended && end - sign <= 255) return needMore;
  const host = /^(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}/i.exec(text.slice(sign + 1, end));
  return host === null ? noMatch : sign + 1 + host[0].length;
}

const phoneCharacters = characterSet("0-9 .()-");

/** `+` and 8 to 15 digits (E.164), or the North American `(212) 555-0123` and `212-555-0123`. */
function matchPhone(text: string, at: number, ended: boolean): number {
  if (text[at] === "+") {
    const end = skip(text, at + 1, phoneCharacters, 24);
    if (end >= text.length && !ended && end - at < 25) return needMore;
    const number = /^\+\d(?:[ .()-]{0,2}\d){7,14}/.exec(text.slice(at, end));
    return number === null || has(digits, text.charCodeAt(at + number[0].length)) ? noMatch : at + number[0].length;
  }
  if (text[at] !== "(") return checked(matchGroups(text, at, [3, 3, 4], ended), text, at, isNorthAmerican);
  const window = text.slice(at, at + 15);
  if (window.length < 15 && !ended && /^\([\d) .-]*$/.test(window)) return needMore;
  const number = /^\(\d{3}\) ?\d{3}[ .-]\d{4}(?![A-Za-z0-9])/.exec(window);
  return number === null ? noMatch : checked(at + number[0].length, text, at, isNorthAmerican);
}

function isNorthAmerican(number: string): boolean {
  return /^[2-9]\d{2}[2-9]\d{6}$/.test(number);
}

const addressCharacters = characterSet("0-9A-Fa-f:.");

function matchIp(text: string, at: number, ended: boolean): number {
  // Inside a run of groups only its start is tried; after `host:` there may still be an IPv4 address.
  const isAfterColon = text[at - 1] === ":" && has(addressCharacters, text.charCodeAt(at - 2));
  if (text[at - 1] === "." || (isAfterColon && !/^\d{1,3}(?:\.|$)/.test(text.slice(at, at + 4)))) return noMatch;
  let end = skip(text, at, addressCharacters, 48);
  if (end >= text.length && !ended && end - at < 48) return needMore;
  // A full stop or a colon that ends the clause is no part of the address.
  while (end > at && (text[end - 1] === "." || (text[end - 1] === ":" && text[end - 2] !== ":"))) end -= 1;
  if (has(alphanumerics, text.charCodeAt(end))) return noMatch;
  const address = text.slice(at, end);
  return isIpv4(address) || (!isAfterColon && isIpv6(address)) ? end : noMatch;
}

export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

/** RFC 4291 text form, a digit at least where it is abridged, since `a::b` is C++. */
export function isIpv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2 || text === "::" || !text.includes(":")) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const tail = groups.at(-1) ?? "";
  const size = groups.length + (tail.includes(".") ? 1 : 0);
  const areGroups = groups.every((group, index) =>
    index === groups.length - 1 && group.includes(".") ? isIpv4(group) : /^[0-9a-f]{1,4}$/i.test(group),
  );
  return areGroups && (halves.length === 2 ? size <= 7 && /\d/.test(text) : size === 8);
}

const decimal = "0123456789";
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function rule(
  id: string,
  group: SpanRule["group"],
  form: { placeholder: string; firstCharacters: string; maxLength: number; matchAt: SpanRule["matchAt"] },
): SpanRule {
  const { placeholder, ...rest } = form;
  return { id, group, standsAlone: true, replace: () => placeholder, ...rest };
}

/** In order of precedence where two could begin at one place. */
export const piiRules: readonly SpanRule[] = [
  {
    ...rule("pii.card", "financial", {
      placeholder: "[CARD]",
      firstCharacters: "234568",
      maxLength: longestCard,
      matchAt: matchCard,
    }),
    standsAlone: false,
  },
  {
    ...rule("pii.iban", "financial", {
      placeholder: "[IBAN]",
      firstCharacters: alphabet,
      maxLength: longestIban,
      matchAt: matchIban,
    }),
    standsAlone: false,
  },
  rule("pii.ssn", "government_ids", {
    placeholder: "[SSN]",
    firstCharacters: decimal,
    maxLength: 12,
    matchAt: matchSsn,
  }),
  rule("pii.npi", "government_ids", { placeholder: "[NPI]", firstCharacters: "12", maxLength: 11, matchAt: matchNpi }),
  rule("pii.nhs", "government_ids", {
    placeholder: "[NHS]",
    firstCharacters: decimal,
    maxLength: 13,
    matchAt: matchNhs,
  }),
  rule("pii.spanish_id", "government_ids", {
    placeholder: "[NIF]",
    firstCharacters: `${decimal}XYZ`,
    maxLength: 11,
    matchAt: matchSpanishId,
  }),
  rule("pii.phone", "phone", {
    placeholder: "[PHONE]",
    firstCharacters: `${decimal}+(`,
    maxLength: 26,
    matchAt: matchPhone,
  }),
  rule("pii.ip", "ip", {
    placeholder: "[IP]",
    firstCharacters: `${decimal}abcdefABCDEF:`,
    maxLength: 48,
    matchAt: matchIp,
  }),
  rule("pii.email", "email", {
    placeholder: "[EMAIL]",
    firstCharacters: `${decimal}${alphabet}!#$%&'*+/=?^_\`{|}~.-`,
    maxLength: 321,
    matchAt: matchEmail,
  }),
];
