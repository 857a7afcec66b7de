/** Redacts inside JSON text without parsing it whole, so that everything else stays as the model wrote it, byte for byte. */
import type { SpanRule } from "./span-rule.ts";
import { redactText } from "./stream-filter.ts";

// The parts of a string literal exclude each other, so the match cannot backtrack.
const literal = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/gs;

/** The name before a value, for rules that look at what a value is assigned to. */
const longestName = 120;

/**
 * Redacts the strings (names and values) and numbers of a JSON text; the result is valid JSON when the text was. A number that is
 * redacted becomes a string. Text that is no JSON is redacted as text.
 */
export function redactJson(json: string, rules: readonly SpanRule[]): { text: string; counts: Map<string, number> } {
  const counts = new Map<string, number>();
  function redact(text: string, precedingText: string): string {
    const result = redactText(text, { rules, precedingText });
    for (const [id, count] of result.counts) counts.set(id, (counts.get(id) ?? 0) + count);
    return result.text;
  }
  if (!isJson(json)) return { text: redact(json, ""), counts };
  const text = json.replace(literal, (token, offset: number) => {
    const isString = token.startsWith('"');
    const value: unknown = isString ? JSON.parse(token) : token;
    const name = /"[^"]*"\s*:\s*$/.exec(json.slice(Math.max(0, offset - longestName), offset))?.[0] ?? "";
    const redacted = redact(String(value), isString && name !== "" ? `${name}"` : name);
    if (redacted === value) return token;
    return JSON.stringify(redacted);
  });
  return { text, counts };
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
