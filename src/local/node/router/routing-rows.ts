import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readPrompt, type PromptFeatures } from "../../../gateway/router/read-prompt.ts";

const outcome = z.union([z.literal(0), z.literal(1)]);
const line = z.object({
  benchmark: z.string(),
  domain: z.string(),
  prompt: z.string(),
  weak_correct: outcome,
  strong_correct: outcome,
});

/** A prompt and what became of it with a weak and with a strong model. */
export interface RoutingRow {
  benchmark: string;
  domain: string;
  prompt: string;
  weak: number;
  strong: number;
  features: PromptFeatures;
}

/** Beside the repository, never in it. */
export const defaultDataPath = join(import.meta.dirname, "../../../../../shared/data/routing/routellm-dev.jsonl");

/** `null` when there is no such file. Every error names the line. */
export function readRoutingRows(path: string): RoutingRow[] | null {
  if (!existsSync(path)) return null;
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((text, index) => {
      if (text.trim() === "") return [];
      try {
        const { weak_correct: weak, strong_correct: strong, ...row } = line.parse(JSON.parse(text));
        return [{ ...row, weak, strong, features: readPrompt(row.prompt) }];
      } catch (cause) {
        throw new Error(`${path}, line ${index + 1}: ${cause instanceof Error ? cause.message : String(cause)}`, {
          cause,
        });
      }
    });
}
