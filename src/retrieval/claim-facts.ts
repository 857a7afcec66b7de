import { stem } from "./stem.ts";
import { stopWords } from "./stop-words.ts";

/** A number of a text in plain digits, and the unit beside it where it has one that changes its meaning. */
export interface Figure {
  value: string;
  unit: string | null;
}

const numberWords: Record<string, string> = {
  one: "1",
  two: "2",
  three: "3",
  four: "4",
  five: "5",
  six: "6",
  seven: "7",
  eight: "8",
  nine: "9",
  ten: "10",
  eleven: "11",
  twelve: "12",
  thirteen: "13",
  fourteen: "14",
  fifteen: "15",
  sixteen: "16",
  seventeen: "17",
  eighteen: "18",
  nineteen: "19",
  twenty: "20",
  thirty: "30",
  forty: "40",
  fifty: "50",
  sixty: "60",
  seventy: "70",
  eighty: "80",
  ninety: "90",
  hundred: "100",
  twice: "2",
  thrice: "3",
};

const unitNames: Record<string, string> = {
  ms: "millisecond",
  s: "second",
  sec: "second",
  min: "minute",
  mins: "minute",
  hr: "hour",
  hrs: "hour",
  h: "hour",
  percent: "%",
  "%": "%",
  "‰": "‰",
  $: "$",
  usd: "$",
  dollar: "$",
  dollars: "$",
  "€": "€",
  eur: "€",
  euro: "€",
  euros: "€",
  "£": "£",
  kb: "kb",
  mb: "mb",
  gb: "gb",
  tb: "tb",
  kib: "kib",
  mib: "mib",
  gib: "gib",
  cent: "cent",
  cents: "cent",
};
const timeUnit = /^(?:millisecond|second|minute|hour|day|week|month|quarter|year)s?$/;

const figurePattern =
  /([$€£])?\s?(?<![\p{L}\p{N}])(\d+(?:[.,:]\d+)*)(?:[\s-]?(business|calendar|working))?[\s-]?(%|‰|\p{L}+)?/giu;
const wordFigurePattern = new RegExp(
  `\\b(${Object.keys(numberWords).join("|")})\\b(?:[\\s-](?:business|calendar|working))?(?:[\\s-](\\p{L}+))?`,
  "giu",
);

/** The numbers of a text, written in digits or in words. */
export function figuresOf(text: string): Figure[] {
  const figures: Figure[] = [];
  for (const [, currency, digits, , after] of text.matchAll(figurePattern)) {
    figures.push({ value: plainNumber(digits ?? ""), unit: unitOf(currency) ?? unitOf(after) });
  }
  for (const [, word, after] of text.matchAll(wordFigurePattern)) {
    const unit = unitOf(after);
    // "One of them" and "two people" are no figures that a source must repeat in digits; "two days" is.
    if (unit !== null) figures.push({ value: numberWords[(word ?? "").toLowerCase()] ?? "", unit });
  }
  return figures;
}

/** `1,200.50` as `1200.50`, `08:00` as it is: thousands separators go, other signs carry meaning. */
function plainNumber(digits: string): string {
  return digits.replace(/,(?=\d{3}(?!\d))/g, "").replace(/\.0+$/, "");
}

function unitOf(word: string | undefined): string | null {
  if (word === undefined) return null;
  const lower = word.toLowerCase();
  return timeUnit.test(lower) ? lower.replace(/s$/, "") : (unitNames[lower] ?? null);
}

const negation = /^(?:not|no|never|none|neither|nor|nobody|nothing|without|cannot|\p{L}+n't)$/iu;
const clauseEnd = /^(?:[,;:.!?()]|but|except|and|or)$/i;
/** A negation speaks of the nearest words of its clause: so many on each side. */
const reach = 4;

/** A negation, as stems: the words after it, and those with the words before it. */
export interface Negation {
  after: Set<string>;
  around: Set<string>;
}

/** The negations of a text. An answering "No," at the beginning negates nothing. */
export function negationsOf(text: string): Negation[] {
  const spoken = text.replaceAll("’", "'").replace(/^\s*(?:no|yes)\s*[,;:]/i, "");
  const tokens = spoken.match(/\p{L}+'\p{L}+|[\p{L}\p{N}]+|[,;:.!?()]/gu) ?? [];
  return tokens.flatMap((token, index) => {
    if (!negation.test(token)) return [];
    const after = nearestStems(tokens.slice(index + 1));
    return [{ after: new Set(after), around: new Set([...after, ...nearestStems(tokens.slice(0, index).reverse())]) }];
  });
}

function nearestStems(tokens: readonly string[]): string[] {
  const end = tokens.findIndex((token) => clauseEnd.test(token));
  return tokens
    .slice(0, end < 0 ? tokens.length : end)
    .map((token) => token.toLowerCase())
    .filter((word) => !stopWords.has(word))
    .slice(0, reach)
    .map(stem);
}

/** Words whose exchange turns a statement round. */
const opposites: readonly (readonly [RegExp, RegExp])[] = [
  [/\bbefore\b/i, /\bafter\b/i],
  [/\b(?:at most|no more than|maximum|up to)\b/i, /\b(?:at least|no less than|minimum)\b/i],
  [/\b(?:more|longer|higher|larger|above|over \d)/i, /\b(?:less|fewer|shorter|lower|smaller|below|under \d)/i],
  [
    /\b(?:allowed|permitted|supported|available|possible|included)\b/i,
    /\b(?:forbidden|prohibited|unsupported|unavailable|impossible|excluded)\b/i,
  ],
  [/\b(?:enabled?|(?:turn|switch)(?:ed)? on)\b/i, /\b(?:disabled?|(?:turn|switch)(?:ed)? off)\b/i],
  [/\b(?:mandatory|required)\b/i, /\boptional\b/i],
  [/\b(?:increase[sd]?|raise[sd]?)\b/i, /\b(?:decrease[sd]?|lower(?:s|ed)?)\b/i],
  [/\balways\b/i, /\bnever\b/i],
  [/\bfree\b/i, /\b(?:paid|costs?|charged)\b/i],
];

/** Whether the claim says one word of a pair where the source says only the other. */
export function turnsRound(claim: string, source: string): boolean {
  return opposites.some(([one, other]) => swaps(claim, source, one, other) || swaps(claim, source, other, one));
}

function swaps(claim: string, source: string, said: RegExp, instead: RegExp): boolean {
  return said.test(claim) && !said.test(source) && instead.test(source) && !instead.test(claim);
}

/** Ordinary words that begin sentences with a capital and name nothing. */
const openers = new Set(
  `according accounts additionally administrators also although answer based because besides both customers data each every finally
  first furthermore generally hence however import imports members moreover owners people please readings second since support
  therefore thus users usually workspaces yes`.split(/\s+/),
);

/** The names of a text: capitalised words, and words of capitals or mixed with digits, in lower case. */
export function namesOf(text: string): string[] {
  const names: string[] = [];
  for (const match of text.matchAll(/[\p{L}\p{N}][\p{L}\p{N}_]*/gu)) {
    const word = match[0];
    const first = !/[\p{L}\p{N}]/u.test(text.slice(0, match.index));
    const lower = word.toLowerCase();
    const mixed = /\p{L}/u.test(word) && (/\p{N}/u.test(word) || /\p{Ll}\p{Lu}/u.test(word));
    if (
      mixed ||
      (/^\p{Lu}/u.test(word) && word.length > 1 && !stopWords.has(lower) && !(first && openers.has(lower)))
    ) {
      names.push(lower);
    }
  }
  return names;
}
