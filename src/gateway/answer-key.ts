import type { ChatRequest } from "../core/chat.ts";
import { canonicalJson, sha256Hex } from "../core/hash.ts";
import type { Principal, Scope } from "../core/principal.ts";
import type { Candidate } from "./choose-route.ts";
import type { CallIdentity } from "./account-call.ts";

/** Everything that changes an answer, or who may read it. */
export interface AnswerFacts {
  principal: Pick<Principal, "projectId" | "subjectId" | "groups" | "roles" | "scopes">;
  /** As the model gets it: screened, the sources in it. */
  request: ChatRequest;
  /** What an answer may cite: equal texts of two documents are two answers. `null` without grounding. */
  sources: unknown;
  candidate: Pick<Candidate, "card" | "maxOutputTokens">;
  prompt: CallIdentity["prompt"];
}

/** Raised when the guardrails' rules or the form of an answer change: what was kept before is then asked anew. */
const keyVersion = 1;

/** Fields that say how an answer travels, whom it is for or how it is booked. What is not listed here changes the key. */
const unrelated: ReadonlySet<string> = new Set<keyof ChatRequest>([
  "model",
  "stream",
  "stream_options",
  "metadata",
  "user",
  "safety_identifier",
  "store",
  "service_tier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "prompt_cache_options",
  "parapet",
]);

/** Scopes that decide what an answer may be made of. */
const readingScopes: readonly Scope[] = ["collections:read"];

/** What two callers must have in common to read one shared answer, apart from the project. */
function readingRights({ groups, roles, scopes }: AnswerFacts["principal"]): string {
  return canonicalJson({
    groups: [...new Set(groups)].sort(),
    roles: [...new Set(roles)].sort(),
    scopes: readingScopes.filter((scope) => scopes.has(scope)),
  });
}

/** Where an answer is kept: with its subject, or with all who have the same rights. */
export async function cacheNameOf(principal: AnswerFacts["principal"], isShared: boolean): Promise<string> {
  if (!isShared) return `${principal.projectId}/${principal.subjectId}`;
  return `${principal.projectId}/shared/${await sha256Hex(readingRights(principal))}`;
}

/**
 * The key of an answer within its place: SHA-256 in hex. Exact: values count as they were written, order and all, since a
 * schema's order is the order of the answer's fields.
 */
export async function answerKeyOf(facts: AnswerFacts, isShared: boolean, policyVersion: string): Promise<string> {
  const { principal, request, candidate, prompt } = facts;
  const fields = Object.entries(request)
    .filter(([name, value]) => !unrelated.has(name) && value !== undefined && value !== null)
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return sha256Hex(
    JSON.stringify([
      keyVersion,
      principal.projectId,
      isShared ? "shared" : principal.subjectId,
      readingRights(principal),
      fields,
      request.parapet?.collection ?? null,
      facts.sources,
      candidate.card.provider,
      candidate.card.name,
      candidate.maxOutputTokens,
      prompt === null ? null : [prompt.name, prompt.version, prompt.hash],
      policyVersion,
    ]),
  );
}
