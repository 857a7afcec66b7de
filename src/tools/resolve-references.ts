import { AppError } from "../core/errors.ts";
import { findReferenced, isObject } from "../core/json.ts";

/** A schema that refers to itself is followed this far; what lies deeper may be anything. */
const maxDepth = 32;
/** References multiply: a small document must not become a large one. */
const maxNodes = 50_000;
const maxCharacters = 4_000_000;

/** A JSON document with its local `$ref`s replaced by what they refer to. References to other documents are refused. */
export function resolveReferences(document: Record<string, unknown>): Record<string, unknown> {
  let nodes = 0;
  let characters = 0;

  function resolve(node: unknown, open: readonly string[], depth: number): unknown {
    nodes += 1;
    if (typeof node === "string") characters += node.length;
    else if (isObject(node)) for (const key of Object.keys(node)) characters += key.length;
    if (nodes > maxNodes || characters > maxCharacters) throw refuse("is too large once its references are resolved");
    if (depth > maxDepth) return {};
    if (Array.isArray(node)) return node.map((item) => resolve(item, open, depth + 1));
    if (!isObject(node)) return node;
    const { $ref: reference } = node;
    if (typeof reference !== "string") {
      return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolve(value, open, depth + 1)]));
    }
    // A loop ends in "anything": no finite schema says more.
    if (open.includes(reference)) return {};
    return resolve(targetOf(reference, document), [...open, reference], depth + 1);
  }

  // The root is an object, so what comes back is one.
  return resolve(document, [], 0) as Record<string, unknown>;
}

function targetOf(reference: string, document: Record<string, unknown>): unknown {
  if (!reference.startsWith("#/")) throw refuse(`refers to ${reference}, outside itself`);
  const target = findReferenced(reference, document);
  if (target === undefined) throw refuse(`refers to ${reference}, which it does not have`);
  return target;
}

export function refuse(reason: string): AppError {
  return new AppError("invalid_request", `spec: ${reason}`, { param: "spec" });
}
