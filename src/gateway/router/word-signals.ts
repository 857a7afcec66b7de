/** Words that say something of a question's structure rather than of its subject. */
export const wordSignals = {
  "number words":
    "one two three four five six seven eight nine ten eleven twelve dozen hundred thousand twenty thirty forty fifty",
  fractions: "half third thirds quarter quarters fourth fifth fraction percent",
  multiples: "twice times double triple thrice",
  comparisons: "more less fewer older younger longer taller faster than",
  rates: "each every per",
  remainders: "left remain remains remaining remainder rest still",
  totals: "total altogether combined sum average all",
  times: "hour hours minute minutes second seconds day days week weeks month months year years",
  conditions: "if when unless before after then",
  negations: "not no never except without cannot none neither nor",
  conjunctions: "and but or while",
  pronouns: "he she they his her their it its",
  "first person": "i my me",
  alternatives: "same equal other another only least most",
} as const satisfies Record<string, string>;

const offset = 0x81_1c_9d_c5;
const prime = 0x01_00_01_93;

/** FNV-1a, 32 bits, a UTF-16 code unit at a time. */
export function hashStep(hash: number, code: number): number {
  return Math.imul(hash ^ code, prime);
}

export const emptyHash = offset | 0;

/** The position of each signal in `wordSignals`, by the hash of its words. */
export const signalOfWord: ReadonlyMap<number, number> = new Map(
  Object.values(wordSignals).flatMap((words, signal) =>
    words.split(" ").map((word) => [hashOf(word), signal] as const),
  ),
);

function hashOf(word: string): number {
  let hash = emptyHash;
  for (let at = 0; at < word.length; at++) hash = hashStep(hash, word.charCodeAt(at));
  return hash;
}
