import type { ChatMessage, ChatRequest } from "../core/chat.ts";
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
  return {
    request: withSources(request, { question: query.question, sentences }, deps),
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

/** The last user message becomes the prompt with its sources; what came before stays as it was. */
function withSources(
  request: ChatRequest,
  values: { question: string; sentences: NumberedSentence[] },
  deps: GatewayDeps,
): ChatRequest {
  const prompt = deps.prompts.current(deps.groundedPrompt);
  const variables = { context: contextForm[deps.groundedPrompt].render(values.sentences), question: values.question };
  const last = request.messages.findLastIndex((message) => message.role === "user");
  const messages: ChatMessage[] = [
    { role: "system", content: renderPrompt(prompt.system, variables) },
    ...request.messages.slice(0, last),
    { role: "user", content: renderPrompt(prompt.user, variables) },
    ...request.messages.slice(last + 1),
  ];
  return { ...request, messages };
}
