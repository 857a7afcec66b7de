/**
 * Credentials, recognised by the fixed beginning their issuers gave them (as gitleaks does), or by the name they are assigned to.
 * A rule decides on the first characters and the rest of the token goes with it, so that a stream waits for tens of characters only.
 */
import { apiKeyPrefix } from "../core/api-key.ts";
import { characterSet, endBefore, has, matchLiteral, needMore, noMatch, skip } from "./span-rule.ts";
import type { CharacterSet, SpanRule } from "./span-rule.ts";

const word = characterSet("A-Za-z0-9_");
const base64Url = characterSet("A-Za-z0-9_-");
const upperAndDigits = characterSet("A-Z0-9");
const dashed = characterSet("A-Za-z0-9-");

/** Bits per character of a text's own distribution. */
export function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** Two kinds of character of three: `sk-fading-circle-wrapper` is a class name. */
function isMixed(text: string): boolean {
  const kinds = [/\d/, /[A-Z]/, /[a-z]/].filter((kind) => kind.test(text)).length;
  return kinds >= 2 && entropyOf(text) >= 3;
}

function isRandom(text: string): boolean {
  return entropyOf(text) >= 2.5;
}

interface TokenForm {
  id: string;
  prefixes: readonly string[];
  allowed: CharacterSet;
  /** Characters after the prefix on which the rule decides. */
  length: number;
  /** True when the token is exactly this long: one more character of the set, and it is something else. */
  exact?: boolean;
  isPlausible?: (token: string) => boolean;
}

const forms: readonly TokenForm[] = [
  { id: "secrets.parapet_key", prefixes: [apiKeyPrefix], allowed: base64Url, length: 60, isPlausible: isRandom },
  { id: "secrets.anthropic_key", prefixes: ["sk-ant-"], allowed: base64Url, length: 20, isPlausible: isRandom },
  {
    id: "secrets.openai_key",
    prefixes: ["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-"],
    allowed: base64Url,
    length: 20,
    isPlausible: isMixed,
  },
  {
    id: "secrets.aws_access_key",
    prefixes: ["AKIA", "ASIA", "ABIA", "ACCA"],
    allowed: upperAndDigits,
    length: 16,
    exact: true,
    isPlausible: isRandom,
  },
  {
    id: "secrets.github_token",
    prefixes: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
    allowed: word,
    length: 22,
    isPlausible: isRandom,
  },
  { id: "secrets.gitlab_token", prefixes: ["glpat-"], allowed: base64Url, length: 20, isPlausible: isRandom },
  {
    id: "secrets.slack_token",
    prefixes: ["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-"],
    allowed: dashed,
    length: 12,
    isPlausible: (token) => /\d/.test(token) && isRandom(token),
  },
  {
    id: "secrets.stripe_key",
    prefixes: ["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"],
    allowed: word,
    length: 16,
    isPlausible: isRandom,
  },
  { id: "secrets.google_key", prefixes: ["AIza"], allowed: base64Url, length: 35, exact: true, isPlausible: isRandom },
  { id: "secrets.npm_token", prefixes: ["npm_"], allowed: word, length: 36, isPlausible: isRandom },
  { id: "secrets.huggingface_token", prefixes: ["hf_"], allowed: word, length: 30, isPlausible: isMixed },
  {
    id: "secrets.sendgrid_key",
    prefixes: ["SG."],
    allowed: characterSet("A-Za-z0-9_.-"),
    length: 60,
    isPlausible: isRandom,
  },
];

function tokenRule({ id, prefixes, allowed, length, exact = false, isPlausible = () => true }: TokenForm): SpanRule {
  const rule: SpanRule = {
    id,
    group: "secrets",
    firstCharacters: [...new Set(prefixes.map((prefix) => prefix[0]))].join(""),
    standsAlone: true,
    maxLength: Math.max(...prefixes.map((prefix) => prefix.length)) + length + 1,
    matchAt(text, at, ended) {
      for (const prefix of prefixes) {
        const start = matchLiteral(text, at, prefix, ended);
        if (start === needMore) return needMore;
        if (start === noMatch) continue;
        const end = skip(text, start, allowed, length);
        if (end - start < length) return end >= text.length && !ended ? needMore : noMatch;
        if (!isPlausible(text.slice(start, end))) return noMatch;
        return exact ? endBefore(text, end, allowed, ended) : end;
      }
      return noMatch;
    },
    replace: () => "[SECRET]",
  };
  return exact ? rule : { ...rule, startTail: () => (charCode) => has(allowed, charCode) };
}

const jwtCharacters = characterSet("A-Za-z0-9_.-");
const longestJwtHeader = 512;

/** A JSON header in base64url (`{"` is `ey` and a letter), a dot, and a JSON payload. */
const jwtRule: SpanRule = {
  id: "secrets.jwt",
  group: "secrets",
  firstCharacters: "e",
  standsAlone: true,
  maxLength: longestJwtHeader + 16,
  matchAt(text, at, ended) {
    const start = matchLiteral(text, at, "ey", ended);
    if (start < 0) return start;
    const dot = skip(text, start, base64Url, longestJwtHeader);
    if (dot >= text.length) return ended || dot - start >= longestJwtHeader ? noMatch : needMore;
    if (dot - start < 12 || text[dot] !== ".") return noMatch;
    const payload = matchLiteral(text, dot + 1, "ey", ended);
    if (payload < 0) return payload;
    const end = skip(text, payload, base64Url, 8);
    if (end - payload < 8) return end >= text.length && !ended ? needMore : noMatch;
    return end;
  },
  replace: () => "[SECRET]",
  startTail: () => (charCode) => has(jwtCharacters, charCode),
};

const pemCharacters = characterSet("A-Za-z0-9+/=:,. \t\r\n\\-");
const longestPemHeader = 64;
const pemLeadIn = 20;

/** The header and the first key material; then everything up to the closing line, or to what no PEM file contains. */
const privateKeyRule: SpanRule = {
  id: "secrets.private_key",
  group: "secrets",
  firstCharacters: "-",
  standsAlone: false,
  maxLength: longestPemHeader + pemLeadIn + 11,
  matchAt(text, at, ended) {
    const start = matchLiteral(text, at, "-----BEGIN ", ended);
    if (start < 0) return start;
    const window = text.slice(start, start + longestPemHeader);
    const header = /^[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----/.exec(window);
    if (header === null) {
      const isOpen = !ended && window.length < longestPemHeader && /^[A-Z0-9 ]*-{0,4}$/.test(window);
      return isOpen ? needMore : noMatch;
    }
    const body = start + header[0].length;
    const leadIn = text.slice(body, body + pemLeadIn);
    if (leadIn.length < pemLeadIn && !ended) return needMore;
    // A header that prose follows on the same line is talk about keys.
    return /^(?:[ \t]*(?:[\r\n]|\\[rn])|[ \t]*[A-Za-z0-9+/=]{16})/.test(leadIn) ? body : noMatch;
  },
  replace: () => "[SECRET]",
  startTail() {
    let dashes = 0;
    let runs = 0;
    return (charCode) => {
      if (runs === 2 || !has(pemCharacters, charCode)) return false;
      dashes = charCode === 45 ? dashes + 1 : 0;
      if (dashes === 5) {
        runs += 1;
        dashes = 0;
      }
      return true;
    };
  },
};

const credentialName =
  /(?:pass(?:word|wd|phrase|code)|\bpwd|secret|token|api[_ -]?key|access[_ -]?key|private[_ -]?key|auth[_ -]?key|credentials?)[\w-]{0,24}\\?["'`]?\s{0,3}(?::=|=>|=|:)\s{0,3}\\?["'`]?$/i;
const spokenPassword = /\b(?:password|passwort|contraseña|passphrase|pin code)\s{1,2}(?:is|ist|es)\s{1,2}["'`]?$/i;
const valueEnds = characterSet(" \t\r\n\"'`,;<>)]}\\");
const valueCharacters = characterSet("!#-&*+./0-9:=?@A-Z[^_a-z{|~(-");
const longestValue = 64;
const shortestValue = 8;

function isCredential(value: string): boolean {
  if (/[({[$]|^(?:your|xxx|example|changeme|placeholder|redacted|https?:)|\*{3}|\.{3}/i.test(value)) return false;
  return /\d/.test(value) && /[A-Za-z]/.test(value) && entropyOf(value) >= 2.75;
}

function isSpokenCredential(value: string): boolean {
  return isCredential(value) && /[a-z]/.test(value) && (/[A-Z]/.test(value) || /[^\w.,-]/.test(value));
}

/** The value of `password=`, `"api_key": "…"` and the like: the name stays, the value goes. */
const assignmentRule: SpanRule = {
  id: "secrets.assignment",
  group: "secrets",
  firstCharacters: Array.from({ length: 94 }, (_, index) => String.fromCharCode(index + 33))
    .filter((character) => has(valueCharacters, character.charCodeAt(0)))
    .join(""),
  standsAlone: true,
  maxLength: longestValue + 1,
  matchAt(text, at, ended) {
    if (!has(nameEnds, text.charCodeAt(at - 1))) return noMatch;
    let sign = at - 1;
    while (sign > at - 6 && has(spaceOrQuote, text.charCodeAt(sign))) sign -= 1;
    if (!"=:>ts".includes(text[sign] ?? " ")) return noMatch;
    const before = text.slice(Math.max(0, at - 80), at);
    const isNamed = credentialName.test(before);
    if (!isNamed && !spokenPassword.test(before)) return noMatch;
    const end = skip(text, at, valueCharacters, longestValue);
    if (end >= text.length && !ended && end - at < longestValue) return needMore;
    const value = text.slice(at, end).replace(/[.:!?]+$/, "");
    if (value.length < shortestValue) return noMatch;
    return (isNamed ? isCredential(value) : isSpokenCredential(value)) ? at + value.length : noMatch;
  },
  replace: () => "[SECRET]",
  startTail: () => (charCode) => charCode < 128 && charCode > 32 && !has(valueEnds, charCode),
};
const nameEnds = characterSet(" \t\"'`=:>");
const spaceOrQuote = characterSet(" \t\"'`\\");

export const secretRules: readonly SpanRule[] = [privateKeyRule, ...forms.map(tokenRule), jwtRule, assignmentRule];

/** An exact text that may never leave, e.g. the canary of a system prompt; matched as it is, case included. */
export function termRule(id: string, term: string): SpanRule {
  return {
    id,
    group: "terms",
    firstCharacters: term.slice(0, 1),
    standsAlone: false,
    maxLength: term.length,
    matchAt: (text, at, ended) => matchLiteral(text, at, term, ended),
    replace: () => "[REMOVED]",
  };
}
