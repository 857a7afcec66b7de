/** A JSON object: no list, and not null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** What a local reference (`#`, `#/a/b`: RFC 6901 in a fragment) names in a JSON document; `undefined` where that is nothing. */
export function findReferenced(reference: string, document: unknown): unknown {
  if (reference === "#") return document;
  if (!reference.startsWith("#/")) return undefined;
  let node = document;
  for (const step of reference.slice(2).split("/")) {
    const key = decode(step)?.replaceAll("~1", "/").replaceAll("~0", "~");
    if (key === undefined || node === null || typeof node !== "object" || !Object.hasOwn(node, key)) return undefined;
    node = Reflect.get(node, key);
  }
  return node;
}

function decode(step: string): string | undefined {
  try {
    return decodeURIComponent(step);
  } catch {
    return undefined;
  }
}
