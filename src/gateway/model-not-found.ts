import { AppError } from "../core/errors.ts";
import type { ModelCard } from "../core/model.ts";

/** A slip of the keyboard or a version; more is another model. */
const maxEdits = 3;
const longestShown = 80;

/** Refuses a name that is no model's, and says which of the `offered` (those the caller may use) is close to it. */
export function modelNotFound(asked: string, param: string, offered: readonly ModelCard[]): AppError {
  const near = closestModel(asked, offered);
  const hint = near === null ? "" : ` Did you mean ${near}?`;
  return new AppError(
    "model_not_found",
    `The model ${JSON.stringify(asked.slice(0, longestShown))} does not exist or is not configured.${hint} GET /v1/models lists what is.`,
    { param },
  );
}

/** By the whole id, or by the name alone: under another provider, without one, or with a snapshot's date. */
function closestModel(asked: string, offered: readonly ModelCard[]): string | null {
  const whole = asked.toLowerCase();
  const bare = undated(whole.slice(whole.lastIndexOf("/") + 1));
  let best: { id: string; edits: number } | null = null;
  for (const { id, name } of offered) {
    const own = name.toLowerCase();
    const edits = Math.min(
      editsBetween(whole, id.toLowerCase()),
      editsBetween(bare, undated(own.slice(own.lastIndexOf("/") + 1))),
    );
    if (edits <= Math.min(maxEdits, bare.length / 3) && (best === null || edits < best.edits)) best = { id, edits };
  }
  return best?.id ?? null;
}

function undated(name: string): string {
  return name.replace(/-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$/, "");
}

/** Levenshtein's distance; `Infinity` where the lengths alone say that it is too far. */
function editsBetween(left: string, right: string): number {
  if (Math.abs(left.length - right.length) > maxEdits) return Infinity;
  let row = Array.from({ length: right.length + 1 }, (_none, index) => index);
  for (const [at, letter] of [...left].entries()) {
    const next = [at + 1];
    for (let index = 0; index < right.length; index += 1) {
      const replaced = (row[index] ?? 0) + (right[index] === letter ? 0 : 1);
      next.push(Math.min(replaced, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? Infinity;
}
