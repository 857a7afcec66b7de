import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { until } from "../support/until.ts";
import { admin, anonymous, errorOf, send, type Caller } from "./api.ts";

// Without a chat model the suite's questions are answered by extraction, on the same path as every request.

const cases = readFileSync(join(import.meta.dirname, "../../evals/handbook/cases.jsonl"), "utf8")
  .split("\n")
  .filter((line) => line.trim() !== "");
const runTimeoutMs = 50_000;

const run = z.object({
  id: z.string(),
  suite: z.string(),
  trigger: z.string(),
  status: z.string(),
  total: z.int(),
  passed: z.int(),
  critical_total: z.int(),
  critical_passed: z.int(),
  gate_passed: z.boolean().nullable(),
  ended_at_ms: z.int().nullable(),
  error: z.string().nullable(),
});
const runWithResults = run.extend({
  results: z.array(
    z.object({
      case_id: z.string(),
      passed: z.boolean(),
      failures: z.array(z.string()),
      trace_id: z.string().nullable(),
    }),
  ),
});
const runs = z.object({ data: z.array(run) });

function runUntilEnd(caller: Caller, id: string) {
  return until(
    async () => {
      const found = runWithResults.parse((await send(caller, "GET", `/v1/evals/runs/${id}`)).json);
      return found.status !== "running" && found;
    },
    { timeoutMs: runTimeoutMs, what: `the run ${id} ends` },
  );
}

async function listRuns() {
  return runs.parse((await send(admin(), "GET", "/v1/evals/runs")).json).data;
}

/** Every case was asked, and the suite's gate holds without any model. */
async function expectGoodRun(id: string, trigger: string): Promise<void> {
  const ended = await runUntilEnd(admin(), id);
  const failures = ended.results.filter(({ passed }) => !passed);
  expect(ended, JSON.stringify(failures)).toMatchObject({
    suite: "handbook",
    trigger,
    status: "completed",
    error: null,
    total: cases.length,
    passed: cases.length - failures.length,
    gate_passed: true,
  });
  expect(new Set(ended.results.map(({ case_id: caseId }) => caseId)).size).toBe(cases.length);
  expect(ended.critical_total).toBeGreaterThan(0);
  expect(ended.results.every(({ trace_id: traceId }) => traceId !== null)).toBe(true);
}

describe("evals", () => {
  it("are started by the cron trigger, one run of a project at a time, and keep each case's result", async () => {
    const reply = await send(anonymous(), "GET", "/cdn-cgi/handler/scheduled?cron=0+3+*+*+*");
    expect(reply.status, reply.text).toBe(200);
    const nightly = await until(async () => (await listRuns()).find(({ trigger }) => trigger === "nightly") ?? null, {
      timeoutMs: 5_000,
      what: "there is a nightly run",
    });
    const second = await send(admin(), "POST", "/v1/evals/runs", { suite: "handbook" });
    expect(second.status).toBe(409);
    expect(errorOf(second)).toMatchObject({ code: "conflict" });
    await expectGoodRun(nightly.id, "nightly");
  });

  it("are started by a request as well", async () => {
    const started = await send(admin(), "POST", "/v1/evals/runs", { suite: "handbook" });
    expect(started.status, started.text).toBe(202);
    const { id } = z.object({ id: z.string() }).parse(started.json);
    await expectGoodRun(id, "api");
    expect((await listRuns())[0]).toMatchObject({ id, status: "completed" });
  });

  it("of a suite that does not exist say which there are", async () => {
    const reply = await send(admin(), "POST", "/v1/evals/runs", { suite: "none" });
    expect(reply.status).toBe(404);
    expect(errorOf(reply).message).toContain("handbook");
  });
});
