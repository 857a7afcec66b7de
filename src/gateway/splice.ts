/**
 * Joins a broken answer and its continuation. `prefill`: the model wrote on where the text stopped. `restart`: it was asked to
 * begin with the last words and go on, which proves that what follows belongs there.
 */
export type SpliceMode = "prefill" | "restart";

export interface Splice {
  /** Takes the continuation's next text and gives back what may follow the released text, or `misfit`. */
  push(text: string): string | typeof misfit;
  /** At the end of the continuation: what is left, or `misfit` where it never joined. */
  finish(): string | typeof misfit;
}

export const misfit = Symbol("misfit");

/** A shorter repetition is chance: any two English texts share " the ". */
const minimumOverlap = 12;
/** The last words that a model is asked to begin with. */
const anchorLength = 60;

/** The end of a text, from a word's beginning; what a continuation is asked to repeat. */
export function anchorOf(released: string): string {
  if (released.length <= anchorLength) return released.trim();
  const end = released.slice(-anchorLength);
  return end.slice(end.search(/\s/) + 1).trim();
}

/** A prefill must not end in white space: Anthropic refuses it, and tokenizers begin words with it. */
export function prefillOf(released: string): string {
  return released.trimEnd();
}

export function createSplice(released: string, mode: SpliceMode): Splice {
  let held = "";
  let joined = false;
  // All of a very short answer; a prefill that is honoured may well begin with the same letter.
  const needed = Math.min(minimumOverlap, Math.max(released.trim().length, mode === "prefill" ? 4 : 1));
  const tail = released.slice(prefillOf(released).length);

  const join = (text: string): string => {
    joined = true;
    held = "";
    return text;
  };

  /** Decides once the held text can no longer be a repetition of what was released. */
  const decide = (): string | typeof misfit => {
    const overlap = longestOverlap(released, held);
    if (overlap >= needed) return join(held.slice(overlap));
    if (mode === "restart" || beganAnew(released, held)) return misfit;
    // The white space that the prefill went without comes again, or not at all.
    return join(held.startsWith(tail) ? held.slice(tail.length) : held);
  };

  return {
    push(text) {
      if (joined) return text;
      held += text;
      if (mode === "restart") held = held.replace(/^(?:\s|…|\.\.\.)+/, "");
      const isRepeating = held !== "" && released.includes(held);
      return held.trim() === "" || isRepeating ? "" : decide();
    },
    finish() {
      if (joined) return "";
      // Nothing but a repetition of the end, or nothing at all after a prefill: the answer was complete.
      if (held.trim() === "") return mode === "prefill" ? join("") : misfit;
      return decide();
    },
  };
}

/** How much of the text's beginning repeats the end of what was released. */
function longestOverlap(released: string, text: string): number {
  for (let length = Math.min(released.length, text.length); length > 0; length--) {
    if (released.endsWith(text.slice(0, length))) return length;
  }
  return 0;
}

/** The server took the prefill for history: a second answer began, and went another way. */
function beganAnew(released: string, text: string): boolean {
  const start = released.trimStart().slice(0, minimumOverlap);
  return start.length === minimumOverlap && text.trimStart().startsWith(start);
}
