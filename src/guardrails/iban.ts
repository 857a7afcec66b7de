/** International bank account numbers (ISO 13616), written in one piece, in groups, or with separators anywhere. */
import { isIbanValid } from "./checksums.ts";
import { alphanumerics, characterSet, digits, has, needMore, noMatch } from "./span-rule.ts";
import { longestSeparator, skipSeparators } from "./spaced-digits.ts";

const letters = characterSet("A-Za-z");

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
/** Countries whose accounts have no letters: where `is 5 years` could begin one, the next word rules it out. */
const digitsOnly = new Set(
  "AE AT BA BE CR CZ DE DK EE ES FI FO GL HR HU IL IS LT ME MR NO PL PT RS SE SI SK TL TN XK".split(" "),
);
const longestLength = 33;
export const longestIban = longestLength * (1 + longestSeparator) + 1;

export function matchIban(text: string, at: number, ended: boolean): number {
  const before = text[at - 1] ?? "";
  if (has(alphanumerics, text.charCodeAt(at - 1))) {
    const isNamed = (before === "n" || before === "N") && /iban$/i.test(text.slice(Math.max(0, at - 4), at));
    if (!isNamed) return noMatch;
  }
  let compact = "";
  let end = at;
  let expected = longestLength;
  while (compact.length < expected) {
    const next = compact.length === 0 ? end : skipSeparators(text, end);
    if (next - end > longestSeparator) return noMatch;
    if (next >= text.length) return ended ? noMatch : needMore;
    const isDigit = compact.length < 4 || digitsOnly.has(compact.slice(0, 2));
    const wanted = compact.length < 2 ? letters : isDigit ? digits : alphanumerics;
    if (!has(wanted, text.charCodeAt(next)) || (compact.length === 1 && next > end)) return noMatch;
    // `is 41` is prose.
    if (compact.length === 2 && next > end && !/[A-Z]{2}/.test(text.slice(at, at + 2))) return noMatch;
    compact += (text[next] ?? "").toUpperCase();
    end = next + 1;
    if (compact.length !== 2) continue;
    const length = ibanLengths.get(compact);
    if (length === undefined) return noMatch;
    expected = length;
  }
  if (end >= text.length && !ended) return needMore;
  if (!isIbanValid(compact)) return noMatch;
  const isInPlace =
    !has(alphanumerics, text.charCodeAt(end)) && /^\w{4}(?:[ -]?\w{4})*(?:[ -]?\w{1,4})?$/.test(text.slice(at, end));
  return isInPlace || isMostlyDigits(compact) ? end : noMatch;
}

/** Words after a country's code and a number can pass for one by chance; the accounts have few letters. */
function isMostlyDigits(compact: string): boolean {
  const account = compact.slice(4);
  return account.replace(/\D/g, "").length >= Math.max(account.length - 5, account.length * 0.6);
}
