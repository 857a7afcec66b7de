/**
 * The stem of a lower-case English word by Porter's algorithm (M. F. Porter, "An algorithm for suffix stripping", 1980): the
 * stemmer of FTS5's `porter` tokenizer, so that what the index matches and what the code compares agree.
 */
export function stem(word: string): string {
  if (word.length < 3 || !/^[a-z]+$/.test(word)) return word;
  return [stripPlural, stripPast, turnY, foldDouble, foldSuffix, dropSuffix, dropFinalE].reduce(
    (text, step) => step(text),
    word,
  );
}

const consonant = "(?:[^aeiouy]|(?<![^aeiou])y)";
const vowel = "(?:[aeiou]|(?<=[^aeiou])y)";
const hasVowel = new RegExp(vowel);
const measureAtLeastOne = new RegExp(`^${consonant}*${vowel}+${consonant}`);
const measureAtLeastTwo = new RegExp(`^${consonant}*(?:${vowel}+${consonant}+){2}`);
const measureExactlyOne = new RegExp(`^${consonant}*${vowel}+${consonant}+${vowel}*$`);
const doubleConsonant = /([^aeiouylsz])\1$/;
const shortEnding = new RegExp(`${consonant}${vowel}[^aeiouwxy]$`);

function stripPlural(word: string): string {
  if (/(?:ss|i)es$/.test(word)) return word.slice(0, -2);
  return /[^s]s$/.test(word) ? word.slice(0, -1) : word;
}

function stripPast(word: string): string {
  if (word.endsWith("eed")) return measureAtLeastOne.test(word.slice(0, -3)) ? word.slice(0, -1) : word;
  const match = /^(.+?)(?:ed|ing)$/.exec(word);
  const base = match?.[1];
  if (base === undefined || !hasVowel.test(base)) return word;
  if (/(?:at|bl|iz)$/.test(base)) return `${base}e`;
  if (doubleConsonant.test(base)) return base.slice(0, -1);
  return measureExactlyOne.test(base) && shortEnding.test(base) ? `${base}e` : base;
}

function turnY(word: string): string {
  return word.endsWith("y") && hasVowel.test(word.slice(0, -1)) ? `${word.slice(0, -1)}i` : word;
}

const doubleSuffixes: readonly (readonly [string, string])[] = [
  ["ational", "ate"],
  ["tional", "tion"],
  ["enci", "ence"],
  ["anci", "ance"],
  ["izer", "ize"],
  ["logi", "log"],
  ["bli", "ble"],
  ["alli", "al"],
  ["entli", "ent"],
  ["eli", "e"],
  ["ousli", "ous"],
  ["ization", "ize"],
  ["ation", "ate"],
  ["ator", "ate"],
  ["alism", "al"],
  ["iveness", "ive"],
  ["fulness", "ful"],
  ["ousness", "ous"],
  ["aliti", "al"],
  ["iviti", "ive"],
  ["biliti", "ble"],
];
const suffixes: readonly (readonly [string, string])[] = [
  ["icate", "ic"],
  ["ative", ""],
  ["alize", "al"],
  ["iciti", "ic"],
  ["ical", "ic"],
  ["ful", ""],
  ["ness", ""],
];

function foldDouble(word: string): string {
  return replaceSuffix(word, doubleSuffixes);
}

function foldSuffix(word: string): string {
  return replaceSuffix(word, suffixes);
}

function replaceSuffix(word: string, table: readonly (readonly [string, string])[]): string {
  const found = table.find(([suffix]) => word.endsWith(suffix));
  if (found === undefined) return word;
  const base = word.slice(0, -found[0].length);
  return measureAtLeastOne.test(base) ? base + found[1] : word;
}

const droppedSuffix = /(?:ement|ment|ance|ence|able|ible|ant|ent|ism|ate|iti|ous|ive|ize|al|er|ic|ou|(?<=[st])ion)$/;

function dropSuffix(word: string): string {
  const match = droppedSuffix.exec(word);
  if (match === null) return word;
  const base = word.slice(0, match.index);
  return measureAtLeastTwo.test(base) ? base : word;
}

function dropFinalE(word: string): string {
  let result = word;
  if (result.endsWith("e")) {
    const base = result.slice(0, -1);
    if (
      measureAtLeastTwo.test(base) ||
      (measureAtLeastOne.test(base) && !(measureExactlyOne.test(base) && shortEnding.test(base)))
    )
      result = base;
  }
  return result.endsWith("ll") && measureAtLeastTwo.test(result.slice(0, -1)) ? result.slice(0, -1) : result;
}
