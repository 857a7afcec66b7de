/** Reads numbers as people and evaders write them: with a few separators, or combining marks, between any two characters. */
import { characterSet, has } from "./span-rule.ts";

export const longestSeparator = 3;

const asciiSeparators = characterSet(" \t\r\n_/,.*-");

/** Middle dots, bullets, line separators and combining marks (a keycap is a digit with one) beside the ASCII separators. */
export function isSeparator(charCode: number): boolean {
  if (charCode < 128) return has(asciiSeparators, charCode);
  return (
    charCode === 0xb7 ||
    charCode === 0x2022 ||
    charCode === 0x2028 ||
    charCode === 0x2029 ||
    (charCode >= 0x300 && charCode <= 0x36f) ||
    (charCode >= 0x1ab0 && charCode <= 0x1aff) ||
    (charCode >= 0x1dc0 && charCode <= 0x1dff) ||
    (charCode >= 0x20d0 && charCode <= 0x20ff) ||
    (charCode >= 0xfe20 && charCode <= 0xfe2f)
  );
}

/** One past the separators at `at`, at most one more than may be. */
export function skipSeparators(text: string, at: number): number {
  let end = at;
  while (end < text.length && end - at <= longestSeparator && isSeparator(text.charCodeAt(end))) end += 1;
  return end;
}
