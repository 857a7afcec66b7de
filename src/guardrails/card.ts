/**
 * Card numbers. A number in one piece or in the groups of cards is one wherever it stands; digits in other groups only where nothing
 * but them is there, or after a word for a card, since any list of numbers has such digits in it.
 */
import { isLuhnValid } from "./checksums.ts";
import { alphanumerics, digits, has, needMore, noMatch } from "./span-rule.ts";
import { longestSeparator, isSeparator, skipSeparators } from "./spaced-digits.ts";

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

/** The lengths that are common, for where the form says little: a pair of phone numbers has 18 digits. */
function isCommonCard(number: string): boolean {
  const isAmex = /^3[47]/.test(number);
  const length = number.length;
  return (length === 16 || length === 19 || (length === 15 && isAmex) || length === 14) && isCardValid(number);
}

const mostDigits = 19;
/** 20 digits with the longest separators between them. */
export const longestCard = (mostDigits + 1) * (1 + longestSeparator) + 1;

const groupings = new Set(
  "4 4 4 4 3,4 4 4 4,4 6 5,4 6 4,8 8,6 10,10 6,4 12,12 4,4 4 8,8 4 4,4 8 4,6 6 4,4 11,4 10".split(","),
);
const firstGroups = new Set(Array.from(groupings, (sizes) => Number(sizes.split(" ")[0])));
const cardWords =
  /card|visa|master|amex|american express|maestro|discover|diners|\bpan\b|\bcc\b|tarjeta|karte|carte|carta|cartão/i;
const quad = /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])/;
const date =
  /(?<!\d)(?:(?:0?[1-9]|[12]\d|3[01])([/.-])(?:0?[1-9]|[12]\d|3[01])\1(?:19|20)\d\d|(?:19|20)\d\d([/.-])(?:0[1-9]|1[0-2])\2(?:0[1-9]|[12]\d|3[01]))(?!\d)/;
const coordinates = /^\d{1,3}\.\d+\s?,\s?-?\d{1,3}\.\d/;

interface DigitRun {
  /** At most 20 digits. */
  number: string;
  /** One past each digit. */
  ends: number[];
  isCut: boolean;
}

function readRun(text: string, at: number): DigitRun {
  let number = "";
  const ends: number[] = [];
  let end = at;
  while (number.length <= mostDigits) {
    if (end >= text.length) return { number, ends, isCut: true };
    if (has(digits, text.charCodeAt(end))) {
      number += text[end] ?? "";
      end += 1;
      ends.push(end);
      continue;
    }
    const next = skipSeparators(text, end);
    if (next - end > longestSeparator) break;
    if (next >= text.length) return { number, ends, isCut: true };
    if (next === end || !has(digits, text.charCodeAt(next))) break;
    end = next;
  }
  return { number, ends, isCut: false };
}

/** Where the digit before stands, or -1 when the number begins at `at`. */
function digitBefore(text: string, at: number): number {
  let before = at - 1;
  while (before >= 0 && at - before <= longestSeparator && isSeparator(text.charCodeAt(before))) before -= 1;
  return before >= 0 && has(digits, text.charCodeAt(before)) ? before : -1;
}

export function matchCard(text: string, at: number, ended: boolean): number {
  if (has(digits, text.charCodeAt(at - 1))) return noMatch;
  // No issuer begins with another digit, nor with 1 or 2 after them: most numbers need no reading to their end.
  const first = text[at] ?? "";
  if (!"234568".includes(first)) return noMatch;
  const before = digitBefore(text, at);
  const run = readRun(text, at);
  if (run.number.length > 1 && !/^(?:2[2-7]|3[05-9]|3[47]|4|5|6|81)/.test(run.number)) return noMatch;
  const groupEnd = run.ends.findIndex((end, index) => index + 1 < run.ends.length && run.ends[index + 1] !== end + 1);
  const mayBeGrouped = groupEnd < 0 || firstGroups.has(groupEnd + 1) || groupEnd >= 12;
  const isNamed = cardWords.test(text.slice(Math.max(0, at - 40), at));
  if (before >= 0 && !mayBeGrouped && !isNamed && groupEnd > 0) return noMatch;
  if (run.isCut && !ended) return run.number.length > mostDigits && groupEnd < 0 ? noMatch : needMore;
  return longestMatch(text, at, { run, isNamed, isInList: before >= 0 });
}

interface Place {
  run: DigitRun;
  isNamed: boolean;
  isInList: boolean;
}

function longestMatch(text: string, at: number, { run, isNamed, isInList }: Place): number {
  for (let length = Math.min(run.number.length, mostDigits); length >= 13; length -= 1) {
    const end = run.ends[length - 1] ?? at;
    // Never half a group.
    if (has(digits, text.charCodeAt(end))) continue;
    const number = run.number.slice(0, length);
    if (!isCardValid(number)) continue;
    const isBesideLetter = has(alphanumerics, text.charCodeAt(at - 1)) || has(alphanumerics, text.charCodeAt(end));
    if (isBesideLetter && !isCommonCard(number)) continue;
    const matched = text.slice(at, end);
    if (isGrouped(matched) || isSpelled(text, at, end, matched)) return end;
    if (!isCommonCard(number)) continue;
    if (isNamed) return end;
    const isAlone = !isInList && length === run.number.length;
    const isOtherwise = text[at - 1] === "+" || quad.test(matched) || date.test(matched) || coordinates.test(matched);
    if (isAlone && !isOtherwise) return end;
  }
  return noMatch;
}

/** In one piece, or in the groups of cards with blanks, dashes, dots or underscores between: a column or a row of a table has others. */
function isGrouped(matched: string): boolean {
  const groups = matched.split(/\D+/);
  if (groups.length === 1) return true;
  return !/[\n\r\t,/*]/.test(matched) && groupings.has(groups.map((group) => group.length).join(" "));
}

/** One digit at a time, with the same between all of them, and no such digit before or after. */
function isSpelled(text: string, at: number, end: number, matched: string): boolean {
  const separator = /^\d(\D+)\d/.exec(matched)?.[1];
  if (separator === undefined || matched.split(separator).some((group) => !/^\d$/.test(group))) return false;
  const rest = text.slice(end, end + separator.length + 2);
  const isContinued = rest.startsWith(separator) && /^\d(?!\d)/.test(rest.slice(separator.length));
  return !isContinued && !(text.slice(0, at).endsWith(separator) && /\d/.test(text[at - separator.length - 1] ?? ""));
}
