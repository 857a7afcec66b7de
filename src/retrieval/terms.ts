import { stem } from "./stem.ts";
import { stopWords } from "./stop-words.ts";

/** Scripts written without spaces: their words are found by segmentation, here and in what the index is given. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const wordPattern = /[\p{L}\p{N}\p{Co}]+/gu;
let segmenter: Intl.Segmenter | null = null;

/** The text with spaces between the words of scripts that write none: what FTS5's unicode61 tokenizer can split. */
export function segmentForIndex(text: string): string {
  if (!unspaced.test(text)) return text;
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "word" });
  return Array.from(segmenter.segment(text), ({ segment }) => segment).join(" ");
}

/** The words of a text in lower case and without diacritics, in order and with duplicates, stop words included. */
export function wordsOf(text: string): string[] {
  const folded = segmentForIndex(text)
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase();
  return folded.match(wordPattern) ?? [];
}

/** The words of a text worth searching for; falls back on all words where nothing else is left. */
export function searchWordsOf(text: string): string[] {
  const words = wordsOf(text);
  const telling = words.filter((word) => !stopWords.has(word));
  return telling.length > 0 ? telling : words;
}

/** The stems of a text's words, stop words and single letters left out. */
export function contentStemsOf(text: string): Set<string> {
  const stems = new Set<string>();
  for (const word of wordsOf(text))
    if (!stopWords.has(word) && (word.length > 1 || /\p{N}/u.test(word))) stems.add(stem(word));
  return stems;
}
