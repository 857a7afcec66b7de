import { AppError } from "../core/errors.ts";

/**
 * Reads the setting PARAPET_CORS_ORIGINS: exact origins, or `https://*.example.com` for every host one label below, separated by
 * commas. Gives back whether an origin is one of them; `null` when there are none. Throws `not_ready`.
 */
export function parseCorsOrigins(setting: string): ((origin: string) => boolean) | null {
  const entries = setting
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  if (entries.length === 0) return null;
  const exact = new Set<string>();
  const wildcards: { before: string; after: string }[] = [];
  for (const entry of entries) {
    const isWildcard = entry.includes("://*.");
    // A wildcard over a whole top-level domain would be everybody's.
    const isTooWide = isWildcard && !/:\/\/\*\.(?:[^.]+\.[^.]|localhost\b)/.test(entry);
    if (isTooWide || !isOrigin(isWildcard ? entry.replace("://*.", "://any.") : entry)) {
      throw new AppError(
        "not_ready",
        `PARAPET_CORS_ORIGINS: ${JSON.stringify(entry.slice(0, 100))} is not an origin such as https://app.example.com or https://*.example.com.`,
      );
    }
    if (!isWildcard) exact.add(entry);
    else wildcards.push({ before: entry.slice(0, entry.indexOf("*")), after: entry.slice(entry.indexOf("*") + 1) });
  }
  return (origin) =>
    exact.has(origin) ||
    wildcards.some(
      ({ before, after }) =>
        origin.startsWith(before) &&
        origin.endsWith(after) &&
        /^[a-z0-9-]+$/.test(origin.slice(before.length, origin.length - after.length)),
    );
}

/** Exactly as a browser sends it: in lower case, no path, no default port. `*` and `null` are none. */
function isOrigin(text: string): boolean {
  return /^https?:\/\/[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
