/** The answers that a prompt offers to choose from. */
export interface AnswerOptions {
  /** Where the first one begins. */
  start: number;
  characters: number;
  shareWithDigits: number;
  isYesOrNo: boolean;
  isTrueOrFalse: boolean;
  hasAllOrBoth: boolean;
  /** Deviation of their lengths in parts of their mean. */
  unevenness: number;
}

const firstTwo = /\n\(?A[.)] [^\n]*\n\(?B[.)] /;
const eachOption = /\n\(?[A-J][.)] ([^\n]*)/g;

/** Reads `A. …` and `B. …` at the start of lines, or `null` when there are none. */
export function readOptions(text: string): AnswerOptions | null {
  const start = text.search(firstTwo);
  if (start < 0) return null;
  const rest = text.slice(start);
  const options = Array.from(rest.matchAll(eachOption), (match) => match[1] ?? "");
  const lengths = options.map((option) => option.length);
  const mean = lengths.reduce((total, length) => total + length, 0) / lengths.length;
  const variance = lengths.reduce((total, length) => total + (length - mean) ** 2, 0) / lengths.length;
  return {
    start,
    characters: rest.length,
    shareWithDigits: options.filter((option) => /\d/.test(option)).length / options.length,
    isYesOrNo: /^(?:Yes|No)\b/i.test(options[0] ?? ""),
    isTrueOrFalse: options.some((option) => /\b(?:true|false)\b/i.test(option)),
    hasAllOrBoth: /\b(?:of the above|of these|both)\b/i.test(rest),
    unevenness: Math.sqrt(variance) / (1 + mean),
  };
}
