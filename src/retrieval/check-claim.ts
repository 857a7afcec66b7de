import { figuresOf, namesOf, negationsOf, turnsRound, type Figure, type Negation } from "./claim-facts.ts";
import type { SourceSentence } from "./source-sentences.ts";
import { stem } from "./stem.ts";
import { contentStemsOf, wordsOf } from "./terms.ts";

/** How far sources carry a claim: `contradicted` names the fact that is not in them. */
export interface ClaimCheck {
  contradicted: "figure" | "negation" | "name" | "opposite" | null;
  /** The share of the claim's words that the sources contain, 0 to 1. */
  overlap: number;
  /** The share, and the number, of its words that the quoted spans themselves contain, apart from titles and headings. */
  quotedOverlap: number;
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
    contradicted: contradictionOf(claim, stems, sources),
    overlap: stems.size === 0 ? 0 : known / stems.size,
    quotedOverlap: stems.size === 0 ? 0 : shared / stems.size,
    sharedWords: shared,
  };
}

function contradictionOf(
  claim: string,
  stems: ReadonlySet<string>,
  sources: readonly SourceSentence[],
): ClaimCheck["contradicted"] {
  const quoted = sources.map(({ quote }) => quote).join("\n");
  const evidence = [quoted, ...sources.map(({ header }) => header.join(" "))].join("\n");
  const fields = sources.flatMap(fieldsOf);
  if (!figuresOf(claim).every((figure) => fields.some((field) => holdsFigure(field, figure, stems)))) return "figure";
  const known = [evidence, ...sources.map(({ context }) => context)].join("\n");
  const words = new Set(wordsOf(known).flatMap((word) => [word, stem(word)]));
  if (!namesOf(claim).every((name) => wordsOf(name).every((part) => words.has(part) || words.has(stem(part)))))
    return "name";
  if (!keepsNegations(claim, quoted)) return "negation";
  return turnsRound(claim, evidence) ? "opposite" : null;
}

/** Where a figure may stand: a sentence, or a cell under its column's name. */
interface Field {
  text: string;
  column: string;
}

function fieldsOf({ kind, quote, header, cells }: SourceSentence): Field[] {
  if (kind !== "row") return [{ text: quote, column: "" }];
  // The first cell names the row, so that its column needs no mention.
  return cells.map((text, index) => ({ text, column: index === 0 ? "" : (header[index] ?? "") }));
}

/** A figure of a table belongs to its column: the claim must speak of that column, not only of the row. */
function holdsFigure({ text, column }: Field, { value, unit }: Figure, claim: ReadonlySet<string>): boolean {
  const same = figuresOf(text).filter((figure) => figure.value === value);
  // A table may state the unit once, in its header.
  const stated = same.some(
    (figure) => unit === null || figure.unit === unit || (figure.unit === null && namesUnit(column, unit)),
  );
  const columnStems = contentStemsOf(column);
  return stated && (columnStems.size === 0 || [...columnStems].some((word) => claim.has(word)));
}

function namesUnit(column: string, unit: string): boolean {
  return column.includes(unit) || wordsOf(column).some((word) => word === unit || word === `${unit}s`);
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
