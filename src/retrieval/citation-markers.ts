/** A text without its citation markers, and where they stood. */
export interface MarkedText {
  text: string;
  /** `at` is a place in `text`. */
  markers: { at: number; numbers: number[] }[];
}

const marker = /[ \t]*\[\s*(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\s*\]/g;

/**
 * Takes `[1]`, `[1][2]` and `[1, 2]` out of a text, before it is split into sentences: a bracket behind a full stop misleads the
 * segmenter. The space before a marker goes with it.
 */
export function takeMarkers(source: string): MarkedText {
  let text = "";
  let from = 0;
  const markers: MarkedText["markers"] = [];
  for (const match of source.matchAll(marker)) {
    text += source.slice(from, match.index);
    markers.push({ at: text.length, numbers: (match[1] ?? "").split(/[,;]/).map(Number) });
    from = match.index + match[0].length;
  }
  return { text: text + source.slice(from), markers };
}

/** The numbers that belong to the sentence at `start` to `end`: those behind it, and those that open its line. */
export function numbersOf({ text, markers }: MarkedText, { start, end }: { start: number; end: number }): number[] {
  return markers
    .filter(({ at }) => {
      const before = text.slice(0, at).trimEnd();
      const opensLine = before === "" || /\n[ \t]*(?:[-*+]|\d+[.)])?[ \t]*$/.test(text.slice(0, at));
      if (opensLine) return at <= start ? text.slice(at, start).trim() === "" : at < end;
      return before.length > start && before.length <= end;
    })
    .flatMap(({ numbers }) => numbers);
}
