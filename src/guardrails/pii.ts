/** Personal data that a checksum, a valid range or a strict form tells from ordinary numbers. */
import { isIbanValid, isLuhnValid, isNhsNumberValid, isNpiValid, isSpanishIdValid, isSsnValid } from "./checksums.ts";
import { alphanumerics, characterSet, digits, endBefore, firstOf, has, needMore, noMatch, skip } from "./span-rule.ts";
import type { SpanRule } from "./span-rule.ts";

const separators = characterSet(" .-");
const letters = characterSet("A-Za-z");

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

/** Issuer ranges with their lengths (ISO/IEC 7812, as the networks publish them). */
const issuers: readonly { range: RegExp; lengths: readonly number[] }[] = [
  { range: /^4/, lengths: [13, 16, 19] },
  { range: /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16] },
  { range: /^3[47]/, lengths: [15] },
  { range: /^3(0[0-5]|095|[689])/, lengths: [14, 16, 19] },
  { range: /^(6011|64[4-9]|65)/, lengths: [16, 19] },
  { range: /^35(2[89]|[3-8])/, lengths: [16, 19] },
  { range: /^(62|81)/, lengths: [16, 17, 18, 19] },
  { range: /^(50|5[6-8]|6[0-9])/, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { range: /^220[0-4]/, lengths: [16, 17, 18, 19] },
];

export function isCardValid(number: string): boolean {
  return (
    issuers.some(({ range, lengths }) => lengths.includes(number.length) && range.test(number)) && isLuhnValid(number)
  );
}

const cardGroups = [
  [4, 4, 4, 4, 3],
  [4, 4, 4, 4],
  [4, 6, 5],
  [4, 6, 4],
] as const;

function matchCard(text: string, at: number, ended: boolean): number {
  const end = skip(text, at, digits, 20);
  if (end - at > 19) return noMatch;
  if (end - at >= 13) return checked(endBefore(text, end, alphanumerics, ended), text, at, isCardValid);
  if (end >= text.length && !ended) return needMore;
  return firstOf(cardGroups.map((sizes) => checked(matchGroups(text, at, sizes, ended), text, at, isCardValid)));
}

/** Lengths by country, from the SWIFT IBAN registry. */
const ibanLengths = new Map(
  [
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24",
    "FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32",
    "LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24",
    "RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30",
  ]
    .join(" ")
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);
const longestIban = 34;

function matchIban(text: string, at: number, ended: boolean): number {
  let compact = "";
  let end = at;
  let expected = longestIban;
  while (compact.length < expected) {
    if (end >= text.length) return ended ? noMatch : needMore;
    const code = text.charCodeAt(end);
    const isSeparator = compact.length > 0 && compact.length % 4 === 0 && (code === 32 || code === 45);
    if (isSeparator && !has(separators, text.charCodeAt(end - 1))) {
      end += 1;
      continue;
    }
    const wanted = compact.length < 2 ? letters : compact.length < 4 ? digits : alphanumerics;
    if (!has(wanted, code)) return noMatch;
    compact += (text[end] ?? "").toUpperCase();
    end += 1;
    if (compact.length !== 2) continue;
    const length = ibanLengths.get(compact);
    if (length === undefined) return noMatch;
    expected = length;
  }
  const outcome = endBefore(text, end, alphanumerics, ended);
  return outcome < 0 || isIbanValid(compact) ? outcome : noMatch;
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
  rule("pii.card", "financial", { placeholder: "[CARD]", firstCharacters: decimal, maxLength: 24, matchAt: matchCard }),
  rule("pii.iban", "financial", {
    placeholder: "[IBAN]",
    firstCharacters: alphabet,
    maxLength: 44,
    matchAt: matchIban,
  }),
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
