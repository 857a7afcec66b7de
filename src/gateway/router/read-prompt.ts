import { readOptions, type AnswerOptions } from "./read-options.ts";
import { emptyHash, hashStep, signalOfWord, wordSignals } from "./word-signals.ts";

/** What the router sees of a prompt: no word of it can be read back from a bucket. */
export interface PromptFeatures {
  /** Whether the prompt lists the answers to choose from (A. … B. …). */
  hasOptions: boolean;
  /** In the order of `structureNames`. */
  structure: Float64Array;
  /** The distinct buckets of its words, signs and pairs of neighbours. */
  buckets: Int32Array;
}

const signalNames = Object.keys(wordSignals);

export const structureNames: readonly string[] = [
  "characters",
  "words",
  "words per sentence",
  "sentences",
  "commas",
  "long words",
  "average word",
  "numbers",
  "largest number",
  "large numbers",
  "decimals",
  "percent signs",
  "names",
  "money",
  "symbols",
  "quotes",
  "questions",
  "lines",
  ...signalNames,
  "option length",
  "options with digits",
  "yes or no",
  "true or false",
  "all or both",
  "uneven options",
];

const bucketBits = 15;
export const bucketCount = 1 << bucketBits;

/** A longer prompt is read at both its ends: instructions stand there, and the time stays bounded. */
const endCharacters = 6_000;

const space = 0;
const letter = 1;
const digit = 2;
const sign = 3;
const kinds = new Uint8Array(128).fill(sign);
for (const code of [9, 10, 11, 12, 13, 32]) kinds[code] = space;
for (let code = 48; code <= 57; code++) kinds[code] = digit;
for (let code = 65; code <= 90; code++) kinds[code] = kinds[code + 32] = letter;

/** Beyond ASCII, everything but punctuation, arrows and mathematical operators counts as a letter. */
function kindOf(code: number): number {
  if (code < 128) return kinds[code] ?? sign;
  if (code === 0xa0 || (code >= 0x2000 && code <= 0x200b)) return space;
  return code < 0xc0 || (code >= 0x2000 && code < 0x2c00) ? sign : letter;
}

interface Counts {
  words: number;
  letters: number;
  longWords: number;
  sentences: number;
  numbers: number;
  largest: number;
  large: number;
  decimals: number;
  names: number;
  symbols: number;
  signs: Uint32Array;
  signals: Float64Array;
}

const symbolCodes = new Set(Array.from("=^_\\{}()<>+*/|", (character) => character.charCodeAt(0)));
const codeOf = { newline: 10, quote: 34, dollar: 36, percent: 37, comma: 44, stop: 46, question: 63, exclamation: 33 };

/** Reads a prompt in one pass. Pure. */
export function readPrompt(prompt: string): PromptFeatures {
  const text =
    prompt.length <= 2 * endCharacters ? prompt : `${prompt.slice(0, endCharacters)}\n${prompt.slice(-endCharacters)}`;
  const options = readOptions(text);
  const questionEnd = options === null ? text.length : options.start;
  const counts: Counts = {
    words: 0,
    letters: 0,
    longWords: 0,
    sentences: 0,
    numbers: 0,
    largest: 0,
    large: 0,
    decimals: 0,
    names: 0,
    symbols: 0,
    signs: new Uint32Array(128),
    signals: new Float64Array(signalNames.length),
  };
  const buckets = collectTokens(text, questionEnd, counts);
  return {
    hasOptions: options !== null,
    structure: toStructure(counts, prompt.length - (text.length - questionEnd), options),
    buckets,
  };
}

/** Counts within the question and hashes all of the text; gives the distinct buckets. */
function collectTokens(text: string, questionEnd: number, counts: Counts): Int32Array {
  const seen = new Uint8Array(bucketCount);
  const found = new Int32Array(2 * text.length);
  let size = 0;
  let previous = emptyHash;
  let lastCode = 0;
  const add = (hash: number) => {
    const bucket = Math.imul(hash ^ (hash >>> 15), 0x2c_1b_3c_6d) >>> (32 - bucketBits);
    if (seen[bucket] === 1) return;
    seen[bucket] = 1;
    found[size++] = bucket;
  };
  for (let at = 0; at < text.length;) {
    const start = at;
    const first = text.charCodeAt(at);
    const kind = kindOf(first);
    if (kind === space) {
      if (first === codeOf.newline && at < questionEnd) counts.signs[first] = (counts.signs[first] ?? 0) + 1;
      at++;
      continue;
    }
    let hash = emptyHash;
    if (kind === sign) {
      hash = hashStep(hash, first);
      at++;
      if (start < questionEnd) countSign(first, text, at, counts);
    } else {
      let code = first;
      do {
        hash = hashStep(hash, code >= 65 && code <= 90 ? code + 32 : code);
        code = text.charCodeAt(++at);
      } while (at < text.length && kindOf(code) === kind);
      if (start < questionEnd && kind === letter) countWord(hash, at - start, counts);
      if (start < questionEnd && kind === letter && first >= 65 && first <= 90 && followsText(lastCode)) counts.names++;
      if (start < questionEnd && kind === digit) countNumber(text, start, at, counts);
    }
    add(hash);
    add(Math.imul(previous, 31) + hash);
    previous = hash;
    lastCode = text.charCodeAt(at - 1);
  }
  return found.slice(0, size);
}

/** A capital there begins a name rather than a sentence. */
function followsText(code: number): boolean {
  return code === codeOf.comma || (code >= 97 && code <= 122);
}

function countSign(code: number, text: string, next: number, counts: Counts): void {
  if (code >= 128) counts.symbols++;
  else counts.signs[code] = (counts.signs[code] ?? 0) + 1;
  if (symbolCodes.has(code)) counts.symbols++;
  const ends = code === codeOf.stop || code === codeOf.question || code === codeOf.exclamation;
  if (ends && (next >= text.length || kindOf(text.charCodeAt(next)) === space)) counts.sentences++;
}

function countWord(hash: number, length: number, counts: Counts): void {
  counts.words++;
  counts.letters += length;
  if (length >= 8) counts.longWords++;
  const signal = signalOfWord.get(hash);
  if (signal !== undefined) counts.signals[signal] = (counts.signals[signal] ?? 0) + 1;
}

/** `3,000` is one number, `2.5` a decimal. */
function countNumber(text: string, start: number, end: number, counts: Counts): void {
  const before = start >= 2 ? text.charCodeAt(start - 1) : 0;
  const continues = (before === codeOf.comma || before === codeOf.stop) && kindOf(text.charCodeAt(start - 2)) === digit;
  if (continues && before === codeOf.stop) {
    counts.decimals++;
    return;
  }
  if (!continues) counts.numbers++;
  // A group of thousands says that the number is large, which is all that is asked.
  const value = continues ? 1_000 : Number(text.slice(start, Math.min(end, start + 15)));
  counts.largest = Math.max(counts.largest, value);
  if (value >= 100) counts.large++;
}

function toStructure(counts: Counts, characters: number, options: AnswerOptions | null): Float64Array {
  const { words, letters, signs, signals } = counts;
  const sentences = Math.max(1, counts.sentences);
  const log = Math.log1p;
  return Float64Array.of(
    log(Math.max(0, characters)),
    log(words),
    log(words / sentences),
    Math.log(sentences),
    log(signs[codeOf.comma] ?? 0),
    log(counts.longWords),
    words === 0 ? 0 : letters / words,
    log(counts.numbers),
    log(counts.largest),
    log(counts.large),
    log(counts.decimals),
    log(signs[codeOf.percent] ?? 0),
    log(counts.names),
    log(signs[codeOf.dollar] ?? 0),
    log(counts.symbols),
    log(signs[codeOf.quote] ?? 0),
    log(signs[codeOf.question] ?? 0),
    log(signs[codeOf.newline] ?? 0),
    ...signals.map(log),
    options === null ? 0 : log(options.characters),
    options?.shareWithDigits ?? 0,
    options?.isYesOrNo === true ? 1 : 0,
    options?.isTrueOrFalse === true ? 1 : 0,
    options?.hasAllOrBoth === true ? 1 : 0,
    options?.unevenness ?? 0,
  );
}
