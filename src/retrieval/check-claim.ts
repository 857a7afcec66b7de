import { figuresOf, namesOf, negationsOf, turnsRound, type Figure, type Negation } from "./claim-facts.ts";
import type { SourceSentence } from "./source-sentences.ts";
import { stem } from "./stem.ts";
import { contentStemsOf, wordsOf } from "./terms.ts";

/** How far sources carry a claim: `contradicted` names the fact that is not in them. */
export interface ClaimCheck {
  contradicted: "figure" | "negation" | "name" | "opposite" | null;
  /** The share of the claim's words that the sources contain, 0 to 1. */
  overlap: number;
  /** How many of its words the quoted spans themselves contain, apart from titles and headings. */
  sharedWords: number;
}

/** The share of the words round a source's negation that a claim must contain for the negation to concern it. */
const concerns = 0.6;
/** The shares of the words after, or round, a claim's negation that a source's must contain to be the same one. */
const sameAfter = 0.5;
const sameAround = 0.6;

/**
 * Compares a claim with the spans it cites: every number with its unit, every name and every negation of the claim must be in them,
 * and no negation of theirs may be lost. Names may also stand in the title and headings, figures' units in a table's header.
 */
export function checkClaim(claim: string, sources: readonly SourceSentence[]): ClaimCheck {
  const quoted = sources.map(({ quote }) => quote).join("\n");
  const headers = sources.map(({ header }) => header.join(" ")).join("\n");
  const contexts = sources.map(({ context }) => context).join("\n");
  const stems = contentStemsOf(claim);
  const quotedStems = contentStemsOf(`${quoted}\n${headers}`);
  const contextStems = contentStemsOf(contexts);
  const shared = [...stems].filter((word) => quotedStems.has(word)).length;
  const known = [...stems].filter((word) => quotedStems.has(word) || contextStems.has(word)).length;
  return {
    contradicted: contradictionOf(claim, { quoted, headers, contexts }),
    overlap: stems.size === 0 ? 0 : known / stems.size,
    sharedWords: shared,
  };
}

function contradictionOf(
  claim: string,
  { quoted, headers, contexts }: { quoted: string; headers: string; contexts: string },
): ClaimCheck["contradicted"] {
  const evidence = `${quoted}\n${headers}`;
  if (!figuresOf(claim).every((figure) => hasFigure(figure, quoted, headers))) return "figure";
  const words = new Set(wordsOf(`${evidence}\n${contexts}`).flatMap((word) => [word, stem(word)]));
  if (!namesOf(claim).every((name) => wordsOf(name).every((part) => words.has(part) || words.has(stem(part)))))
    return "name";
  if (!keepsNegations(claim, quoted)) return "negation";
  return turnsRound(claim, evidence) ? "opposite" : null;
}

function hasFigure({ value, unit }: Figure, quoted: string, headers: string): boolean {
  const same = figuresOf(quoted).filter((figure) => figure.value === value);
  if (unit === null) return same.length > 0;
  // A table states the unit once, in its header.
  return same.some((figure) => figure.unit === unit || (figure.unit === null && namesUnit(headers, unit)));
}

function namesUnit(headers: string, unit: string): boolean {
  return headers.includes(unit) || wordsOf(headers).some((word) => word === unit || word === `${unit}s`);
}

/** A negation of the claim must be one of the source; a negation of the source that concerns the claim must be in the claim. */
function keepsNegations(claim: string, quoted: string): boolean {
  const inSource = negationsOf(quoted);
  const inClaim = negationsOf(claim);
  if (inClaim.length > 0) return inClaim.every((one) => inSource.some((other) => isSame(one, other)));
  const claimed = contentStemsOf(claim);
  return !inSource.some(({ around }) => around.size > 0 && shareOf(around, claimed) >= concerns);
}

function isSame(one: Negation, other: Negation): boolean {
  return shareOf(one.after, other.after) >= sameAfter || shareOf(one.around, other.around) >= sameAround;
}

function shareOf(stems: ReadonlySet<string>, other: ReadonlySet<string>): number {
  return stems.size === 0 ? 0 : [...stems].filter((word) => other.has(word)).length / stems.size;
}
