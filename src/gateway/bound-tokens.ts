/**
 * An upper bound of how many tokens a byte-level BPE tokenizer makes of a text. Every token covers at least one byte, so bytes
 * bound everything; only where the published tokenizers always merge is less counted. Measured against o200k and cl100k over
 * prose, code, random letters, hex, whitespace and 15 scripts (test/gateway/bound-tokens.test.ts): prose is bounded at two to three
 * times its count. Invented words repeated can exceed it by half: what is billed above a bound is counted, and stops the next call.
 */
export function boundTokens(text: string): number {
  // A space at the end has no word to be part of.
  let tokens = text.endsWith(" ") ? 1 : 0;
  for (const [piece] of text.matchAll(pieces)) tokens += boundOf(piece);
  return tokens;
}

/** Capitalised or lower-case letters, capitals, digits, one kind of white space, other white space, anything else. */
const pieces = /[A-Z]?[a-z]+|[A-Z]+|[0-9]+| +|\n+|[\t\r\n ]+|[^A-Za-z0-9\n\r\t ]+/g;

/** Longer runs of letters are seldom words, and tokenizers cut them up. */
const longestWord = 16;
const vowels = /[aeiouyAEIOUY]/g;
const rarePairs = /[^aeiouy]{5}|[jqxz][^aeiouy]|[^aeiouy][jqxz]|[jqxz]{2}/i;

const encoder = new TextEncoder();

function boundOf(piece: string): number {
  const first = piece.charCodeAt(0);
  if (isLetter(first)) return isOrdinary(piece) ? Math.ceil((piece.length + 1) / 2) : piece.length;
  // A single space is part of the word after it; longer runs are merged, in pieces.
  if (piece.startsWith(" ")) return piece.length === 1 ? 0 : Math.ceil(piece.length / 4);
  if (/^[\t\r\n ]+$/.test(piece)) return piece.length;
  // Digits, signs and everything beyond ASCII: a token a byte.
  return encoder.encode(piece).length;
}

/** Has the vowels of a word, and no letters together that hardly any word has. */
function isOrdinary(word: string): boolean {
  if (word.length > longestWord || rarePairs.test(word)) return false;
  return (word.match(vowels)?.length ?? 0) * 4 >= word.length;
}

function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}
