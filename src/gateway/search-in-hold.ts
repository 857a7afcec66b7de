import type { SearchResult } from "../core/retrieval.ts";
import { queryFromText } from "../retrieval/query.ts";
import { codeOf, noUsage, usageRow, type CallIdentity } from "./account-call.ts";
import { embedTexts } from "./embed-texts.ts";
import { openHold } from "./hold.ts";
import { holdDeps } from "./prepare.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { noSuchCollection } from "./searchable-collection.ts";

/** A search on its own, with what its query's embedding costs accounted for. */
export async function searchInHold(
  { collectionId, query, limit }: { collectionId: string; query: string; limit: number },
  scope: RequestScope,
  deps: GatewayDeps,
): Promise<SearchResult> {
  const card = deps.retrievalModel;
  const identity: CallIdentity = {
    principal: scope.principal,
    traceId: scope.trace.traceId,
    extension: undefined,
    prompt: null,
  };
  const facts = { operation: "embeddings", card, usage: noUsage, startMs: deps.clock() } as const;
  const costMicros = card.price === null ? 0 : Math.ceil((card.contextWindow * card.price.inputPico) / 1_000_000);
  const hold = await openHold(holdDeps(scope, deps), {
    action: scope.action,
    target: collectionId,
    bound: { costMicros, tokens: card.contextWindow },
    usage: usageRow(identity, { ...facts, firstTokenMs: null, outputHash: null, outcome: "running" }, deps.clock),
  });
  const embed = async (inputs: string[]) => (await embedTexts({ card, inputs, identity, hold }, scope, deps)).vectors;
  try {
    const collection = await deps.findCollection(scope.principal.projectId, collectionId);
    if (collection === null) throw noSuchCollection("id");
    const found = await collection.search({ query: queryFromText(query), limit, embed });
    hold.settle({ outcome: "ok", detail: { hits: found.hits.length, degraded: found.degraded } });
    return found;
  } catch (cause) {
    hold.settle({ outcome: codeOf(cause) });
    throw cause;
  }
}
