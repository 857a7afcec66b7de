import { byteLength, indexConfig, indexedPrefix, limits, vectorizeError } from "./vectorize-limits.ts";

/** Whether a vector with these indexed values passes. The values are what the index keeps: the first 64 bytes of a string. */
export type FilterTest = (indexed: Readonly<Record<string, string>>) => boolean;

type Comparison = (actual: string | undefined, operand: unknown) => boolean;

const comparisons: Record<string, Comparison> = {
  $eq: (actual, operand) => (actual ?? null) === prefixOf(operand),
  $ne: (actual, operand) => (actual ?? null) !== prefixOf(operand),
  $in: (actual, operand) => listOf(operand).includes(actual ?? null),
  $nin: (actual, operand) => !listOf(operand).includes(actual ?? null),
  $lt: (actual, operand) => compare(actual, operand, (order) => order < 0),
  $lte: (actual, operand) => compare(actual, operand, (order) => order <= 0),
  $gt: (actual, operand) => compare(actual, operand, (order) => order > 0),
  $gte: (actual, operand) => compare(actual, operand, (order) => order >= 0),
};

/**
 * Reads a metadata filter into a test; several fields and operators must all hold. Throws what Vectorize throws when the
 * filter is too long or uses an unknown operator. A field without a metadata index matches nothing, as in the service,
 * where vectors are in an index only if it was made before them.
 */
export function readFilter(filter: VectorizeVectorMetadataFilter | undefined): FilterTest {
  if (filter === undefined) return () => true;
  const bytes = byteLength(JSON.stringify(filter));
  if (bytes >= limits.filterBytes) {
    const message = `filter too long; its compact JSON must be under ${limits.filterBytes} bytes, got ${bytes} bytes`;
    throw vectorizeError("QUERY", 40021, message);
  }
  const tests = Object.entries(filter).flatMap(([field, condition]) => fieldTests(field, condition));
  return (indexed) => tests.every((test) => test(indexed));
}

function fieldTests(field: string, condition: unknown): FilterTest[] {
  if (!isOperators(condition)) return [fieldTest(field, "$eq", condition)];
  return Object.entries(condition).map(([operator, operand]) => fieldTest(field, operator, operand));
}

function fieldTest(field: string, operator: string, operand: unknown): FilterTest {
  const comparison = Object.hasOwn(comparisons, operator) ? comparisons[operator] : undefined;
  if (comparison === undefined) throw invalidFilter(`unknown operator ${operator}`);
  if ((operator === "$in" || operator === "$nin") !== Array.isArray(operand)) {
    throw invalidFilter(`operator ${operator} takes ${Array.isArray(operand) ? "one value" : "an array"}`);
  }
  const isIndexed = indexConfig.metadataIndexes.some((name) => name === field);
  return (indexed) => isIndexed && comparison(indexed[field], operand);
}

function isOperators(condition: unknown): condition is Record<string, unknown> {
  if (Array.isArray(condition)) throw invalidFilter("a field cannot be compared with an array; use $in");
  return typeof condition === "object" && condition !== null;
}

/** The indexes hold strings, so an operand of another type equals none of their values. */
function prefixOf(operand: unknown): unknown {
  return typeof operand === "string" ? indexedPrefix(operand) : operand;
}

function listOf(operand: unknown): unknown[] {
  return Array.isArray(operand) ? operand.map(prefixOf) : [];
}

function compare(actual: string | undefined, operand: unknown, holds: (order: number) => boolean): boolean {
  if (actual === undefined || typeof operand !== "string") return false;
  const bound = indexedPrefix(operand);
  return holds(actual < bound ? -1 : actual > bound ? 1 : 0);
}

function invalidFilter(message: string): Error {
  return vectorizeError("QUERY", 40027, `invalid filter: ${message}`);
}
