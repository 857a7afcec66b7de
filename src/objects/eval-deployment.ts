import type { Principal } from "../core/principal.ts";
import type { EvalStore } from "../db/eval-store.ts";
import type { CaseOutcome } from "../evaluation/judge-case.ts";
import type { EvalDocument } from "../evaluation/suite.ts";
import type { RequestScope } from "../gateway/request-scope.ts";

/** What an eval run needs of the deployment it measures: the same path as every request. */
export interface EvalDeployment {
  evals: EvalStore;
  /** Of the prompt that grounded answers are made with, e.g. `grounded-answer v1.0`. */
  groundedPromptVersion(): string;
  evalPrincipal(projectId: string): Promise<Principal>;
  /** The project's collection of that name, made when there is none. */
  ensureCollection(name: string, principal: Principal): Promise<string>;
  ingest(
    document: EvalDocument,
    place: { collectionId: string; principal: Principal; scope: RequestScope },
  ): Promise<void>;
  /** Never throws: a failure is an outcome. */
  ask(
    question: { input: string; model: string; maxCompletionTokens: number; collectionId: string },
    scope: RequestScope,
  ): Promise<{ outcome: CaseOutcome; model: string | null; costMicros: number }>;
}
