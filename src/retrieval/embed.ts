import { AppError, type ErrorCode } from "../core/errors.ts";

/** Embeds texts, one vector each in their order. Whoever passes it in pays for it and counts it. */
export type Embed = (texts: string[]) => Promise<number[][]>;

/** Texts a call: keeps one call short and its vectors far from any size limit. */
const batchSize = 64;

/** Failures of the embedding model itself: retrieval goes on without vectors. A refusal (a budget, a limit) is not one of them. */
const outages: ReadonlySet<ErrorCode> = new Set([
  "upstream_auth",
  "upstream_error",
  "upstream_incomplete",
  "upstream_invalid_response",
  "upstream_rate_limited",
  "upstream_rejected",
  "upstream_timeout",
  "model_unavailable",
]);

/** The vectors of the texts, or `null` when the embedding model is out of order. */
export async function embedAll(embed: Embed, texts: readonly string[]): Promise<number[][] | null> {
  const vectors: number[][] = [];
  try {
    for (let from = 0; from < texts.length; from += batchSize) {
      const batch = texts.slice(from, from + batchSize);
      const embedded = await embed(batch);
      if (embedded.length !== batch.length) {
        throw new AppError(
          "upstream_invalid_response",
          "The embedding model answered with the wrong number of vectors.",
        );
      }
      vectors.push(...embedded);
    }
    return vectors;
  } catch (cause) {
    if (cause instanceof AppError && outages.has(cause.code)) return null;
    throw cause;
  }
}
