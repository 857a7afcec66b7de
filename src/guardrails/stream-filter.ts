/**
 * Redacts a text that arrives in pieces. What leaves is a decided prefix: at each place every rule has said yes or no, from the text
 * after it alone, so the result is the same however the text was cut, and nothing that is redacted ever leaves in part.
 */
import { foldCodePoint, isAscii } from "./fold-text.ts";
import { isAlphanumericAt, lookBehind, needMore, noMatch } from "./span-rule.ts";
import type { SpanRule } from "./span-rule.ts";

export interface StreamFilter {
  /** Takes the next piece; returns what may leave now. */
  push(text: string): string;
  /** Ends the text; returns what was held back. */
  flush(): string;
  /** Ends the text undecided: what was held back, as it came. For a rule that broke, when the policy lets the text pass. */
  release(): string;
  /** Redactions so far, by rule id. */
  readonly counts: ReadonlyMap<string, number>;
  /** Characters held back at this moment. */
  readonly heldLength: number;
}

export interface StreamFilterOptions {
  rules: readonly SpanRule[];
  /** Text that stands before the stream for rules that look behind, and never leaves. */
  precedingText?: string;
}

/** Long input is taken in pieces, so that the tables beside it stay small. */
export const pieceLength = 4096;

/** The bound on what a filter with these rules holds back, in characters that are not invisible. */
export function maxHoldBack(rules: readonly SpanRule[]): number {
  return rules.reduce((longest, rule) => Math.max(longest, rule.maxLength), 0);
}

export function createStreamFilter({ rules, precedingText = "" }: StreamFilterOptions): StreamFilter {
  const rulesByFirst = indexByFirst(rules);
  const counts = new Map<string, number>();
  /** Original text from the first character that has not left. */
  let raw = "";
  /** Where a surrogate pair was cut: its first half, until the second comes. */
  let halfPair = "";
  /** Folded text: what was decided, for looking behind, then from `at` on what is undecided. */
  let folded = precedingText.slice(-lookBehind);
  let at = folded.length;
  /** For each undecided folded character, its end in `raw`; invisible characters belong to the one after them. */
  let ends: number[] = [];
  let tail: ((charCode: number) => boolean) | null = null;

  function append(piece: string): void {
    if (isAscii(piece)) {
      for (let index = 1; index <= piece.length; index += 1) ends.push(raw.length + index);
      folded += piece;
      raw += piece;
      return;
    }
    let end = raw.length;
    let addition = "";
    for (const character of piece) {
      end += character.length;
      const reading = foldCodePoint(character.codePointAt(0) ?? 0);
      for (let unit = 0; unit < reading.length; unit += 1) ends.push(end);
      addition += reading;
    }
    folded += addition;
    raw += piece;
  }

  function decide(ended: boolean): string {
    const first = at;
    let output = "";
    let kept = 0;
    while (at < folded.length) {
      if (tail !== null) {
        if (tail(folded.charCodeAt(at))) {
          kept = ends[at - first] ?? kept;
          at += 1;
          continue;
        }
        tail = null;
      }
      const found = findAt(ended);
      if (found === needMore) break;
      if (found === noMatch) {
        at += 1;
        continue;
      }
      const { rule, end } = found;
      const start = at === first ? 0 : (ends[at - first - 1] ?? 0);
      output += raw.slice(kept, start) + rule.replace(folded.slice(at, end));
      kept = ends[end - first - 1] ?? start;
      counts.set(rule.id, (counts.get(rule.id) ?? 0) + 1);
      tail = rule.startTail?.() ?? null;
      at = end;
    }
    const decided = at === first ? 0 : (ends[at - first - 1] ?? 0);
    output += raw.slice(kept, decided);
    ends = ends.slice(at - first).map((end) => end - decided);
    raw = raw.slice(decided);
    const behind = Math.max(0, at - lookBehind);
    folded = folded.slice(behind);
    at -= behind;
    return output;
  }

  function findAt(ended: boolean): typeof needMore | typeof noMatch | { rule: SpanRule; end: number } {
    const candidates = rulesByFirst[folded.charCodeAt(at)];
    if (candidates === undefined || candidates.length === 0) return noMatch;
    const isInsideWord = isAlphanumericAt(folded, at) && continuesWord(folded, at);
    for (const rule of candidates) {
      if (isInsideWord && rule.standsAlone) continue;
      const end = rule.matchAt(folded, at, ended);
      if (end === needMore) return needMore;
      if (end > at) return { rule, end };
    }
    return noMatch;
  }

  function takeRest(): string {
    const rest = raw + halfPair;
    raw = "";
    halfPair = "";
    folded = "";
    at = 0;
    ends = [];
    tail = null;
    return rest;
  }

  return {
    counts,
    get heldLength() {
      return raw.length + halfPair.length;
    },
    push(text) {
      let output = "";
      for (let index = 0; index < text.length; index += pieceLength) {
        let piece = halfPair + text.slice(index, index + pieceLength);
        const last = piece.charCodeAt(piece.length - 1);
        halfPair = last >= 0xd800 && last <= 0xdbff ? piece.slice(-1) : "";
        piece = piece.slice(0, piece.length - halfPair.length);
        append(piece);
        output += decide(false);
      }
      return output;
    },
    flush() {
      append(halfPair);
      halfPair = "";
      return decide(true) + takeRest();
    },
    release: takeRest,
  };
}

const indexes = new WeakMap<readonly SpanRule[], SpanRule[][]>();

/** The rules that can match at a character, by its code; made once for each list of rules. */
function indexByFirst(rules: readonly SpanRule[]): SpanRule[][] {
  const known = indexes.get(rules);
  if (known !== undefined) return known;
  const index: SpanRule[][] = Array.from({ length: 128 }, () => []);
  for (const rule of rules) for (const character of rule.firstCharacters) index[character.charCodeAt(0)]?.push(rule);
  indexes.set(rules, index);
  return index;
}

/** A letter or digit just before, unless it is the end of an escape such as `\n` in quoted text. */
function continuesWord(text: string, at: number): boolean {
  if (!isAlphanumericAt(text, at - 1)) return false;
  return !(text[at - 2] === "\\" && "nrt".includes(text[at - 1] ?? ""));
}

/** Redacts a whole text: what a stream of it would give, in one step. */
export function redactText(
  text: string,
  options: StreamFilterOptions,
): { text: string; counts: ReadonlyMap<string, number> } {
  const filter = createStreamFilter(options);
  const redacted = filter.push(text) + filter.flush();
  return { text: redacted, counts: filter.counts };
}
