type Fields = Record<string, string | number | boolean | null>;

/**
 * One JSON line a call, for Workers Logs. Ids, codes and numbers only: no content, no keys, no personal data. An error's own
 * message is left out unless we wrote it: vendors quote credentials, and parsers quote what they could not parse.
 */
export function logError(event: string, fields: Fields, cause?: unknown): void {
  console.error(JSON.stringify({ level: "error", event, ...fields, ...describe(cause) }));
}

/** One JSON line for whoever develops: of what is told in production by a span. */
export function logWarning(event: string, fields: Fields): void {
  console.warn(JSON.stringify({ level: "warning", event, ...fields }));
}

function describe(cause: unknown): Fields {
  if (cause === undefined) return {};
  if (!(cause instanceof Error)) return { cause: typeof cause };
  const internal = "internal" in cause && typeof cause.internal === "string" ? cause.internal : null;
  return { cause: cause.name, cause_internal: internal, cause_frames: firstFrames(cause.stack) };
}

function firstFrames(stack: string | undefined): string {
  const frames = (stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return frames
    .slice(0, 4)
    .map((line) => line.trim())
    .join(" < ");
}
