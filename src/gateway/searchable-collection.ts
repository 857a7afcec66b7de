import { AppError } from "../core/errors.ts";
import type { CollectionHits } from "../retrieval/collection-store.ts";
import type { Embed } from "../retrieval/embed.ts";
import type { RetrievalQuery } from "../retrieval/query.ts";

/** A collection the caller may read, ready to be searched. */
export interface SearchableCollection {
  id: string;
  /** `embed` is metered by the caller. */
  search(request: { query: RetrievalQuery; limit: number; embed: Embed }): Promise<CollectionHits>;
}

/** `param`: where the caller named it. */
export function noSuchCollection(param: string): AppError {
  return new AppError("not_found", "There is no collection with this id in your project.", { param });
}
