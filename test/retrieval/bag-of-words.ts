const dimensions = 64;

/** A unit vector of a text's words: the same for the same words, and no judge of meaning. */
export function embedWords(text: string): number[] {
  const values = Array.from({ length: dimensions }, () => 0);
  for (const word of text.toLowerCase().match(/[a-z0-9]+/g) ?? []) {
    let hash = 7;
    for (const letter of word) hash = (hash * 31 + letter.charCodeAt(0)) % 65_521;
    values[hash % dimensions]! += 1; // the index is below the length
  }
  const length = Math.hypot(...values) || 1;
  return values.map((value) => value / length);
}
