/**
 * Folds text one code point at a time, so that a stream cut anywhere folds to the same characters as the whole. Only what folds to
 * a single ASCII character is changed: every folded character then stands for one place in the original.
 */

/** Letters of other scripts that are drawn like a Latin one; NFKC leaves them alone. */
const lookalikes = new Map<string, string>(
  Object.entries({
    а: "a",
    в: "b",
    с: "c",
    ԁ: "d",
    е: "e",
    һ: "h",
    і: "i",
    ј: "j",
    ӏ: "l",
    о: "o",
    р: "p",
    ԛ: "q",
    ѕ: "s",
    ѵ: "v",
    ԝ: "w",
    х: "x",
    у: "y",
    А: "A",
    В: "B",
    С: "C",
    Е: "E",
    Н: "H",
    І: "I",
    Ј: "J",
    К: "K",
    М: "M",
    О: "O",
    Р: "P",
    Ѕ: "S",
    Т: "T",
    Х: "X",
    У: "Y",
    Ү: "Y",
    α: "a",
    ι: "i",
    κ: "k",
    ν: "v",
    ο: "o",
    ρ: "p",
    τ: "t",
    υ: "u",
    χ: "x",
    Α: "A",
    Β: "B",
    Ε: "E",
    Ζ: "Z",
    Η: "H",
    Ι: "I",
    Κ: "K",
    Μ: "M",
    Ν: "N",
    Ο: "O",
    Ρ: "P",
    Τ: "T",
    Υ: "Y",
    Χ: "X",
    ı: "i",
    ɡ: "g",
    ɑ: "a",
    "‐": "-",
    "‑": "-",
    "‒": "-",
    "–": "-",
    "—": "-",
    "−": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
  }),
);

const folded = new Map<number, string>();

/** Zero-width, bidirectional, variation and tag characters: seen by a model, not by a person. */
export function isInvisible(codePoint: number): boolean {
  return (
    codePoint === 0xad ||
    codePoint === 0x34f ||
    codePoint === 0x61c ||
    codePoint === 0x115f ||
    codePoint === 0x1160 ||
    codePoint === 0x180e ||
    (codePoint >= 0x200b && codePoint <= 0x200f) ||
    (codePoint >= 0x202a && codePoint <= 0x202e) ||
    (codePoint >= 0x2060 && codePoint <= 0x206f) ||
    (codePoint >= 0xfe00 && codePoint <= 0xfe0f) ||
    codePoint === 0xfeff ||
    codePoint === 0x3164 ||
    codePoint === 0xffa0 ||
    (codePoint >= 0xe0000 && codePoint <= 0xe0fff)
  );
}

/** What a code point reads as: one ASCII character, itself, or nothing when it is invisible. */
export function foldCodePoint(codePoint: number): string {
  if (codePoint < 0x80) return String.fromCharCode(codePoint);
  const known = folded.get(codePoint);
  if (known !== undefined) return known;
  const result = fold(codePoint);
  // Text in a large script must not grow the table without end.
  if (folded.size < 20_000) folded.set(codePoint, result);
  return result;
}

function fold(codePoint: number): string {
  if (isInvisible(codePoint)) return "";
  const character = String.fromCodePoint(codePoint);
  const compatible = character.normalize("NFKC");
  const reading = lookalikes.get(compatible) ?? compatible;
  if (reading.length === 1 && reading.charCodeAt(0) < 0x80) return reading;
  return isDecimal(codePoint) ? String(decimalValue(codePoint)) : character;
}

function isDecimal(codePoint: number): boolean {
  return /^\p{Nd}$/u.test(String.fromCodePoint(codePoint));
}

/** Unicode encodes the decimal digits of a script in order, from zero. */
function decimalValue(codePoint: number): number {
  let zero = codePoint;
  while (isDecimal(zero - 1)) zero -= 1;
  return (codePoint - zero) % 10;
}

const beyondAscii = /[^\0-\x7f]/;

export function isAscii(text: string): boolean {
  return !beyondAscii.test(text);
}

/** The whole of a text folded. */
export function foldText(text: string): string {
  if (isAscii(text)) return text;
  let result = "";
  for (const character of text) result += foldCodePoint(character.codePointAt(0) ?? 0);
  return result;
}
