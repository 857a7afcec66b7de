import { textOf, type ChatMessage, type ChatRequest } from "../core/chat.ts";
import { upperBoundOf } from "../core/money.ts";
import type { Hit } from "../core/retrieval.ts";
import { extractUrls } from "../guardrails/url-policy.ts";
import { renderPrompt } from "../prompting/parse-prompt.ts";
import { extractiveAnswer, type GroundedAnswer } from "../retrieval/answer.ts";
import { isEvidenceSufficient } from "../retrieval/evidence.ts";
import { numberSentences, type NumberedSentence } from "../retrieval/number-sentences.ts";
import { attribute } from "../telemetry/attributes.ts";
import { queryFromMessages } from "../retrieval/query.ts";
import { embedTexts } from "./embed-texts.ts";
import { contextForm } from "./context-form.ts";
import { measurePrompt } from "./estimate-tokens.ts";
import type { Prepared } from "./prepare.ts";
import type { GatewayDeps, RequestScope } from "./request-scope.ts";
import { traceVerdicts } from "./trace-verdicts.ts";

export interface Grounding {
  /** The request with the sources in it, as the model gets it. */
  request: ChatRequest;
  sentences: NumberedSentence[];
  /** False when the sources do not answer the question: no model is asked then. */
  sufficient: boolean;
  degraded: boolean;
  /** URLs that stand in the sources: an answer may repeat them. */
  allowedUrls: string[];
  /** The best passages verbatim, for when no model answers. */
  extract(): GroundedAnswer;
}

const hitsPerAnswer = 8;

/** Searches the named collection with the conversation, and puts what it found into the prompt, marked as data. */
export async function ground(prepared: Prepared, scope: RequestScope, deps: GatewayDeps): Promise<Grounding | null> {
  const { collection, request, identity, hold } = prepared;
  if (collection === null) return null;
  const query = queryFromMessages(request.messages);
  const span = scope.trace.startSpan(`retrieval ${collection.id}`, {
    kind: "client",
    attributes: { [attribute.dataSourceId]: collection.id, [attribute.topK]: hitsPerAnswer },
  });
  const embed = async (inputs: string[]) =>
    (await embedTexts({ card: deps.retrievalModel, inputs, identity, hold }, scope, deps)).vectors;
  const found = await collection.search({ query, limit: hitsPerAnswer, embed });
  span.set({
    [attribute.retrievalHits]: found.hits.length,
    [attribute.retrievalChunks]: found.hits.map((hit) => hit.chunk.id),
    [attribute.retrievalScores]: found.hits.map((hit) => hit.score.toFixed(4)),
    [attribute.retrievalDegraded]: found.degraded,
  });
  span.end();

  const hits = dropHostile(found.hits, prepared, scope, deps);
  const evidence = { query, hits, statistics: found.statistics };
  const sentences = numberSentences(evidence, contextForm[deps.groundedPrompt]);
  const grounded = withSources(request, { question: query.question, sentences }, prepared, deps);
  await reserveMissing(grounded, prepared);
  return {
    request: grounded,
    sentences,
    sufficient: isEvidenceSufficient(evidence),
    degraded: found.degraded,
    allowedUrls: hits.flatMap((hit) => extractUrls(hit.chunk.text)),
    extract: () => extractiveAnswer(evidence),
  };
}

/** A document that gives orders is left out: what is retrieved is data, and hostile until shown otherwise. */
function dropHostile(hits: Hit[], { hold }: Prepared, scope: RequestScope, deps: GatewayDeps): Hit[] {
  const { keep, verdicts } = deps.guardrails.screenRetrieved(hits.map((hit) => hit.chunk.text));
  hold.verdicts.push(...verdicts);
  traceVerdicts(verdicts, scope.trace);
  return hits.filter((_hit, index) => keep[index] === true);
}

/** The sources are there now: what their bound exceeds the room that was reserved by is reserved too. */
async function reserveMissing(grounded: ChatRequest, { hold, plan, promptBound }: Prepared): Promise<void> {
  const missing = measurePrompt(grounded).bound - promptBound;
  const { price } = plan.candidates[0].card;
  if (missing <= 0 || price === null) return;
  const costMicros = hold.bound.costMicros + upperBoundOf({ input: missing, output: 0 }, price);
  await hold.rebound({ costMicros, tokens: hold.bound.tokens + missing });
}

/** The last user message becomes the prompt with its sources; what came before stays as it was. */
function withSources(
  request: ChatRequest,
  values: { question: string; sentences: NumberedSentence[] },
  { hold }: Prepared,
  deps: GatewayDeps,
): ChatRequest {
  const prompt = deps.prompts.current(deps.groundedPrompt);
  // What a document holds of secrets and personal data is no more a provider's business than what a user writes.
  const context = contextForm[deps.groundedPrompt].render(values.sentences);
  const screened = deps.guardrails.screenInput([{ role: "system", content: context }]);
  hold.verdicts.push(...screened.verdicts.filter((verdict) => verdict.action === "redact"));
  const safeContext = screened.messages.map(textOf).join("");
  const variables = { context: safeContext, question: values.question };
  const last = request.messages.findLastIndex((message) => message.role === "user");
  const messages: ChatMessage[] = [
    { role: "system", content: renderPrompt(prompt.system, variables) },
    ...request.messages.slice(0, last),
    { role: "user", content: renderPrompt(prompt.user, variables) },
    ...request.messages.slice(last + 1),
  ];
  return { ...request, messages };
}
