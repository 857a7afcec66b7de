import { DurableObject } from "cloudflare:workers";
import { systemClock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { newId } from "../core/ids.ts";
import type { Principal } from "../core/principal.ts";
import type { EvalResultRow } from "../db/eval-store.ts";
import { judgeCase } from "../evaluation/judge-case.ts";
import { loadSuite, suiteNames } from "../evaluation/load-suite.ts";
import { scoreRun } from "../evaluation/score-run.ts";
import type { EvalCase, Suite } from "../evaluation/suite.ts";
import { logError } from "../telemetry/log.ts";
import { startTrace } from "../telemetry/trace.ts";
import type { EvalDeployment } from "./eval-deployment.ts";

export type Started =
  | { started: true; runId: string }
  | { started: false; code: "not_found" | "conflict"; message: string };

export interface EvalRunnerContract {
  start(request: { suite: string; trigger: string }): Promise<Started>;
}

interface RunState {
  runId: string;
  suite: string;
  nextCase: number;
  collectionId: string | null;
  failedAlarms: number;
}

/** As many outgoing connections as one invocation may have. */
const casesAtOnce = 6;
const caseTimeoutMs = 120_000;
const retryDelayMs = 5_000;
const maxFailedAlarms = 5;

/**
 * Runs one eval suite at a time for a project, a few cases an alarm, so that a restart goes on where it stopped. Named by the
 * project's id. The deployment comes in from the composition root.
 */
export function createEvalRunner(deploymentOf: (env: Env) => Promise<EvalDeployment>) {
  return class EvalRunner extends DurableObject<Env> implements EvalRunnerContract {
    async start({ suite: name, trigger }: { suite: string; trigger: string }): Promise<Started> {
      const suite = loadSuite(name);
      if (suite === null)
        return {
          started: false,
          code: "not_found",
          message: `There is no suite ${name}. There are: ${suiteNames.join(", ")}.`,
        };
      const running = this.#state();
      if (running !== null)
        return { started: false, code: "conflict", message: `The run ${running.runId} is still going.` };
      const state: RunState = {
        runId: newId("evalRun"),
        suite: name,
        nextCase: 0,
        collectionId: null,
        failedAlarms: 0,
      };
      this.#save(state);
      const deployment = await deploymentOf(this.env);
      await deployment.evals.insertRun({
        id: state.runId,
        projectId: this.#projectId(),
        suite: name,
        trigger,
        status: "running",
        dataHash: await sha256Hex(JSON.stringify([suite.cases, suite.documents])),
        promptVersion: deployment.groundedPromptVersion(),
        model: suite.target.model,
        startedAtMs: systemClock(),
        endedAtMs: null,
        total: suite.cases.length,
        passed: 0,
        criticalTotal: 0,
        criticalPassed: 0,
        gatePassed: null,
        error: null,
      });
      await this.ctx.storage.setAlarm(systemClock());
      return { started: true, runId: state.runId };
    }

    override async alarm(): Promise<void> {
      const state = this.#state();
      if (state === null) return;
      try {
        const isOver = await this.#advance(state);
        if (!isOver) await this.ctx.storage.setAlarm(systemClock());
      } catch (cause) {
        logError("eval.alarm_failed", { run: state.runId }, cause);
        await this.#retryOrGiveUp(state, cause);
      }
    }

    /** One batch of cases; true once the run has ended. */
    async #advance(state: RunState): Promise<boolean> {
      const suite = loadSuite(state.suite);
      const deployment = await deploymentOf(this.env);
      if (suite === null) {
        await this.#end(deployment, state, "this version of Parapet no longer has the suite");
        return true;
      }
      const principal = await deployment.evalPrincipal(this.#projectId());
      if (state.collectionId === null) {
        const collectionId = await this.#ingest(suite, deployment, principal);
        this.#save({ ...state, collectionId });
        return false;
      }
      const { collectionId } = state;
      const batch = suite.cases.slice(state.nextCase, state.nextCase + casesAtOnce);
      if (batch.length === 0) {
        await this.#score(suite, deployment, state);
        return true;
      }
      const rows = await Promise.all(
        batch.map((item) => this.#run(item, { suite, deployment, principal, collectionId, runId: state.runId })),
      );
      await deployment.evals.insertResults(rows);
      this.#save({ ...state, nextCase: state.nextCase + batch.length, failedAlarms: 0 });
      return false;
    }

    async #ingest(suite: Suite, deployment: EvalDeployment, principal: Principal): Promise<string> {
      const collectionId = await deployment.ensureCollection(`eval ${suite.name}`, principal);
      for (const document of suite.documents)
        await deployment.ingest(document, { collectionId, principal, scope: this.#scope(principal, "documents.put") });
      return collectionId;
    }

    async #run(
      item: EvalCase,
      {
        suite,
        deployment,
        principal,
        collectionId,
        runId,
      }: { suite: Suite; deployment: EvalDeployment; principal: Principal; collectionId: string; runId: string },
    ): Promise<EvalResultRow> {
      const startMs = systemClock();
      const scope = this.#scope(principal, "chat.completions");
      const { model, max_completion_tokens: maxCompletionTokens } = suite.target;
      const asked = await deployment.ask({ input: item.input, model, maxCompletionTokens, collectionId }, scope);
      const failures = judgeCase(item, asked.outcome);
      return {
        runId,
        caseId: item.id,
        passed: failures.length === 0,
        tags: item.tags,
        failures,
        traceId: scope.trace.traceId,
        model: asked.model,
        costMicros: asked.costMicros,
        durationMs: systemClock() - startMs,
      };
    }

    #scope(principal: Principal, action: string) {
      return {
        principal,
        action,
        trace: startTrace({ name: "eval", clock: systemClock, linked: null }),
        signal: AbortSignal.timeout(caseTimeoutMs),
        waitUntil: (promise: Promise<unknown>) => this.ctx.waitUntil(promise),
      };
    }

    async #score(suite: Suite, deployment: EvalDeployment, state: RunState): Promise<void> {
      const score = scoreRun(suite, await deployment.evals.listResults(state.runId));
      await deployment.evals.updateRun(state.runId, { ...score, status: "completed", endedAtMs: systemClock() });
      this.ctx.storage.kv.delete("run");
    }

    async #retryOrGiveUp(state: RunState, cause: unknown): Promise<void> {
      const failedAlarms = state.failedAlarms + 1;
      this.#save({ ...(this.#state() ?? state), failedAlarms });
      if (failedAlarms < maxFailedAlarms) {
        await this.ctx.storage.setAlarm(systemClock() + retryDelayMs);
        return;
      }
      const message = cause instanceof AppError ? cause.message : "the run failed again and again";
      await this.#end(await deploymentOf(this.env), state, message).catch((error: unknown) =>
        logError("eval.end_failed", { run: state.runId }, error),
      );
    }

    async #end(deployment: EvalDeployment, state: RunState, error: string): Promise<void> {
      this.ctx.storage.kv.delete("run");
      await deployment.evals.updateRun(state.runId, {
        status: "failed",
        endedAtMs: systemClock(),
        gatePassed: false,
        error,
      });
    }

    #state(): RunState | null {
      return this.ctx.storage.kv.get<RunState>("run") ?? null;
    }

    #save(state: RunState): void {
      this.ctx.storage.kv.put("run", state);
    }

    #projectId(): string {
      return this.ctx.id.name ?? "";
    }
  };
}
