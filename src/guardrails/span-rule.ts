/** A rule that finds one kind of span in folded text, and can say when it has seen too little to decide. */
export interface SpanRule {
  /** e.g. `pii.card`. */
  id: string;
  group: RuleGroup;
  /** The characters a match can begin with (ASCII). */
  firstCharacters: string;
  /** A match may not follow a letter or a digit. */
  standsAlone: boolean;
  /** The most characters, from the start of the match, that are ever needed to decide. */
  maxLength: number;
  /**
   * Decides whether a match begins at `at`, from `text.slice(at)` and the `lookBehind` characters before it.
   * Returns its end, `noMatch`, or `needMore` when the answer depends on text not seen yet (never when `ended`).
   */
  matchAt(text: string, at: number, ended: boolean): number;
  /** What takes the place of the match. */
  replace(matched: string): string;
  /** For spans without a longest form: says of each character after the match whether it is still part of it. */
  startTail?: () => (charCode: number) => boolean;
}

export const ruleGroups = [
  "secrets",
  "financial",
  "government_ids",
  "email",
  "phone",
  "ip",
  "links",
  "images",
  "terms",
] as const;
export type RuleGroup = (typeof ruleGroups)[number];

export const noMatch = -1;
export const needMore = -2;

/** How many characters before a position a rule may look at. */
export const lookBehind = 256;

/** A set of ASCII characters, as a table of 128 bytes. */
export type CharacterSet = Uint8Array;

/** Builds a set from single characters and ranges, e.g. `"a-z0-9_"`; a `-` at the end stands for itself. */
export function characterSet(description: string): CharacterSet {
  const set = new Uint8Array(128);
  for (let index = 0; index < description.length; index += 1) {
    const first = description.charCodeAt(index);
    const isRange = description[index + 1] === "-" && index + 2 < description.length;
    const last = isRange ? description.charCodeAt(index + 2) : first;
    for (let code = first; code <= last; code += 1) set[code] = 1;
    if (isRange) index += 2;
  }
  return set;
}

export function has(set: CharacterSet, charCode: number): boolean {
  return charCode < 128 && set[charCode] === 1;
}

export const digits = characterSet("0-9");
export const alphanumerics = characterSet("A-Za-z0-9");

export function isAlphanumericAt(text: string, at: number): boolean {
  return has(alphanumerics, text.charCodeAt(at));
}

/** One past the last character from `at` on that is in the set, at most `limit` characters. */
export function skip(text: string, at: number, set: CharacterSet, limit: number): number {
  const stop = Math.min(text.length, at + limit);
  let end = at;
  while (end < stop && has(set, text.charCodeAt(end))) end += 1;
  return end;
}

/** Whether `literal` stands at `at`: its end, `noMatch`, or `needMore` when the text ends inside it. */
export function matchLiteral(text: string, at: number, literal: string, ended: boolean): number {
  if (text.startsWith(literal, at)) return at + literal.length;
  const seen = text.length - at;
  return !ended && seen < literal.length && literal.startsWith(text.slice(at)) ? needMore : noMatch;
}

/** `end`, once it is known that no character of `set` follows; `needMore` while the next character is unknown. */
export function endBefore(text: string, end: number, set: CharacterSet, ended: boolean): number {
  if (end >= text.length) return ended ? end : needMore;
  return has(set, text.charCodeAt(end)) ? noMatch : end;
}

/** Several forms of one thing: the first that matches, in order; waits while an earlier form is undecided. */
export function firstOf(outcomes: Iterable<number>): number {
  for (const outcome of outcomes) if (outcome !== noMatch) return outcome;
  return noMatch;
}
