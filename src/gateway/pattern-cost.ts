const manyTimes = 64;

/**
 * How the time a backtracking engine may take for a pattern grows with the text: 1 for linear, 2 for quadratic, Infinity for what
 * may be exponential. An upper bound from the pattern's form: each unbounded repetition, and a missing `^`, is a factor; a
 * repetition of what repeats or branches, and a reference back, is hopeless.
 */
export function costOfPattern(pattern: string): number {
  let unbounded = pattern.startsWith("^") ? 0 : 1;
  /** For each open group whether something in it repeats or branches. */
  const open: boolean[] = [false];
  let closed: boolean | null = null;

  for (let at = 0; at < pattern.length;) {
    const piece = pieceAt(pattern, at);
    at += piece.length;
    const inner: boolean = closed ?? false;
    closed = null;
    if (/^\\(?:[1-9]|k)/.test(piece)) return Infinity;
    if (piece.startsWith("(")) open.push(false);
    else if (piece === ")") {
      closed = open.pop() ?? false;
      if (closed) open[open.length - 1] = true;
    } else if (piece === "|") open[open.length - 1] = true;
    else if (/^(?:[*+?]|\{\d)/.test(piece)) {
      const { least, most } = timesOf(piece);
      if (inner && most > 1) return Infinity;
      // Repetitions up to a number are as bad as endless ones once the number is large.
      if (most - least > manyTimes) unbounded += 1;
      // So many and no others leaves the engine nothing to try again.
      if (most !== least) open[open.length - 1] = true;
    }
  }
  return Math.max(1, unbounded);
}

/** An escape, a class of characters, the opening of a group, a repetition, or a single character. */
const piece =
  /\\(?:u\{[^}]*\}|k<[^>]*>|[pP]\{[^}]*\}|[^])|\[(?:\\[^]|[^\]\\])*\]|\((?:\?(?:<[^>=!]+>|<?[=!]|:))?|[*+?]\??|\{\d+(?:,\d*)?\}\??|[^]/y;

function pieceAt(pattern: string, at: number): string {
  piece.lastIndex = at;
  return piece.exec(pattern)?.[0] ?? pattern.charAt(at);
}

function timesOf(repetition: string): { least: number; most: number } {
  if (repetition.startsWith("*")) return { least: 0, most: Infinity };
  if (repetition.startsWith("+")) return { least: 1, most: Infinity };
  if (repetition.startsWith("?")) return { least: 0, most: 1 };
  const [least = "0", most = least] = repetition.replace(/[{}?]/g, "").split(",");
  return { least: Number(least), most: most === "" ? Infinity : Number(most) };
}
