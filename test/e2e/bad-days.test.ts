import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import {
  chat,
  chatBody,
  completionOf,
  errorOf,
  issueKey,
  newProject,
  open,
  readingScopes,
  send,
  type IssuedKey,
} from "./api.ts";
import { scriptedKey } from "./deployment-variables.ts";
import { providerStatsNow, resetProvider, statsOf } from "./provider.ts";
import { readEvents } from "./read-events.ts";
import { auditOf, listAudit } from "./records.ts";
import { expectSettledBudget } from "./settled-budget.ts";

// What a provider does wrong, over real HTTP: each has a defined answer, a row that says so, and a settled budget.

const budgetMicros = 20_000;
/** Words nobody but the caller and the provider may see. */
const prompt = "Quizzical zephyrs vex the daft jumbling wolf.";

const project = newProject();
let reader: IssuedKey;
let key: IssuedKey;

beforeAll(async () => {
  reader = await issueKey({ project, scopes: readingScopes });
});

beforeEach(async () => {
  await resetProvider();
  key = await issueKey({ project, scopes: ["chat"], limits: { daily_budget_micros: budgetMicros } });
});

function ask(model: string, more: object = {}) {
  return chatBody(model, { messages: [{ role: "user", content: prompt }], max_completion_tokens: 100, ...more });
}

/** Neither the provider's key nor what was asked may be in an error. */
function expectDiscreet(text: string): void {
  expect(text).not.toContain(scriptedKey);
  expect(text).not.toContain("sk-inco");
  expect(text).not.toContain("zephyrs");
}

interface BadDay {
  model: string;
  status: number;
  code: string;
  /** How often the provider was asked. */
  asked: number;
}

const refusals: BadDay[] = [
  { model: "429", status: 429, code: "upstream_rate_limited", asked: 2 },
  { model: "429-retry-after-1", status: 429, code: "upstream_rate_limited", asked: 2 },
  { model: "500", status: 502, code: "upstream_error", asked: 2 },
  { model: "503", status: 502, code: "upstream_error", asked: 2 },
  { model: "400", status: 400, code: "upstream_rejected", asked: 1 },
  { model: "400-context", status: 400, code: "context_length_exceeded", asked: 1 },
  { model: "400-content-filter", status: 400, code: "upstream_content_filter", asked: 1 },
  { model: "401", status: 502, code: "upstream_auth", asked: 1 },
  { model: "html", status: 502, code: "upstream_invalid_response", asked: 1 },
  { model: "hang", status: 504, code: "upstream_timeout", asked: 1 },
];

async function expectFailure(reply: Awaited<ReturnType<typeof send>>, { model, status, code, asked }: BadDay) {
  expect(reply.status, reply.text).toBe(status);
  expect(errorOf(reply)).toMatchObject({ code, request_id: reply.headers.get("x-request-id") });
  expectDiscreet(reply.text);
  expect(await statsOf(model)).toMatchObject({ requests: asked });
  expect(await auditOf(reader, reply.traceId)).toMatchObject({ actor: key.id, outcome: code });
  expect(await expectSettledBudget(key, { budgetMicros, calls: asked, reader })).toMatchObject({ failed_calls: asked });
}

describe("a whole answer", () => {
  it.each<BadDay>([
    ...refusals,
    { model: "stall", status: 504, code: "upstream_timeout", asked: 1 },
    { model: "cut-mid-stream", status: 502, code: "upstream_error", asked: 2 },
    { model: "half-frame", status: 502, code: "upstream_invalid_response", asked: 1 },
    { model: "empty-stream", status: 502, code: "upstream_invalid_response", asked: 1 },
    { model: "stream-error-event", status: 502, code: "upstream_error", asked: 2 },
  ])("from $model fails as $code, after $asked attempt(s)", async (day) => {
    await expectFailure(await chat(key, ask(`scripted/${day.model}`)), day);
  });

  it("comes after one retry when the provider failed once", async () => {
    const { parapet } = completionOf(await chat(key, ask("scripted/500-once")));
    expect(parapet.route.attempts).toEqual([
      { model: "scripted/500-once", outcome: "upstream_error" },
      { model: "scripted/500-once", outcome: "ok" },
    ]);
    await expectSettledBudget(key, { budgetMicros, calls: 2, reader });
  });

  it("comes after the time the provider asked for when it limited once", async () => {
    const { parapet } = completionOf(await chat(key, ask("scripted/429-once")));
    expect(parapet.route.attempts.map(({ outcome }) => outcome)).toEqual(["upstream_rate_limited", "ok"]);
  });

  it("passes on how long the provider wants to be left alone", async () => {
    const reply = await chat(key, ask("scripted/429-retry-after-1"));
    expect(reply.headers.get("retry-after")).toBe("1");
  });
});

describe("a stream, before its first token", () => {
  it.each<BadDay>([
    ...refusals,
    { model: "empty-stream", status: 502, code: "upstream_incomplete", asked: 1 },
    { model: "stream-error-event", status: 502, code: "upstream_error", asked: 2 },
  ])("from $model fails as $code, as an ordinary error", async (day) => {
    await expectFailure(await chat(key, ask(`scripted/${day.model}`, { stream: true })), day);
  });
});

describe("a stream, after its first token", () => {
  it.each([
    ["dies", "cut-mid-stream", "upstream_error"],
    ["ends within an event", "half-frame", "upstream_incomplete"],
    ["has a malformed chunk", "malformed-chunk", "upstream_invalid_response"],
    ["ends without a finish", "no-finish", "upstream_incomplete"],
    ["falls silent", "stall", "upstream_timeout"],
  ])(
    "that %s, and again when it is asked for the rest, ends with an error event and no [DONE]",
    async (_what, model, code) => {
      const reply = await chat(key, ask(`scripted/${model}`, { stream: true }));
      expect(reply.status).toBe(200);
      const answer = readEvents(reply.text);
      expect(answer.text).toMatch(/^Hello/);
      expect(answer.error).toMatchObject({ code, request_id: reply.headers.get("x-request-id") });
      expect(answer.isDone).toBe(false);
      expect(answer.finishReason).toBeNull();
      expectDiscreet(reply.text);
      expect(await auditOf(reader, reply.traceId)).toMatchObject({ outcome: code, estimated: true });
      const usage = await expectSettledBudget(key, { budgetMicros, calls: 2, reader });
      expect(usage).toMatchObject({ failed_calls: 2, estimated_calls: 2 });
      expect(usage.output_tokens).toBeGreaterThan(0);
    },
  );

  it("that lacks only its [DONE] is whole: a finish was seen", async () => {
    const answer = readEvents((await chat(key, ask("scripted/no-done", { stream: true }))).text);
    expect(answer).toMatchObject({ text: "Hello from the scripted provider.", finishReason: "stop", isDone: true });
  });
});

describe("a client that hangs up", () => {
  it("in the middle of a stream ends the provider's call, and pays an estimate of what came", async () => {
    const departure = new AbortController();
    const response = await open(
      key,
      "POST",
      "/v1/chat/completions",
      ask("scripted/long-200", { stream: true, max_completion_tokens: 1_500 }),
      { signal: departure.signal },
    );
    const stream = response.body?.getReader();
    await stream?.read();
    departure.abort();
    await until(async () => (await statsOf("long-200")).disconnects === 1, {
      timeoutMs: 3_000,
      what: "the provider sees the client go",
    });
    const audit = await auditOf(reader, response.headers.get("x-parapet-trace") ?? "");
    expect(audit).toMatchObject({ outcome: "client_closed_request", estimated: true });
    const usage = await expectSettledBudget(key, { budgetMicros, calls: 1, reader });
    expect(usage).toMatchObject({ failed_calls: 1, estimated_calls: 1, cost_micros: audit.costMicros });
    expect(usage.cost_micros).toBeGreaterThan(0);
    expect(usage.cost_micros).toBeLessThan(15_000);
  });

  // workerd on a developer's machine does not tell a worker of a client that left before the answer began (workerd #3033,
  // #5062; Cloudflare's own edge does). What must hold either way: nothing stays reserved, and the row says what happened.
  it("while it waits for a whole answer leaves a settled budget", async () => {
    const departure = new AbortController();
    const reply = send(key, "POST", "/v1/chat/completions", ask("scripted/slow-500"), { signal: departure.signal });
    const gone = expect(reply).rejects.toThrow();
    await until(async () => (await statsOf("slow-500")).requests === 1, {
      timeoutMs: 3_000,
      what: "the provider is asked",
    });
    departure.abort();
    await gone;
    const audit = await until(async () => (await listAudit(reader, {})).find((row) => row.actor === key.id) ?? null, {
      timeoutMs: 8_000,
      what: "the request has its row",
    });
    expect(["ok", "client_closed_request"]).toContain(audit.outcome);
    const usage = await expectSettledBudget(key, { budgetMicros, calls: 1, reader });
    expect(usage.cost_micros).toBe(audit.costMicros);
  });
});

describe("a provider that fails", () => {
  it.each([["whole"], ["streamed"]])("is replaced by the next of its tier, invisibly (%s)", async (form) => {
    const reply = await chat(key, ask("reasoning", { stream: form === "streamed" }));
    expect(reply.status, reply.text).toBe(200);
    expect(reply.text).toContain("chain/ok~chain");
    expectDiscreet(reply.text);
    const audit = await auditOf(reader, reply.traceId);
    expect(audit).toMatchObject({ outcome: "ok", target: "chain/ok~chain" });
  });

  it("shows in the answer's route with every attempt", async () => {
    const { model, content, parapet } = completionOf(await chat(key, ask("reasoning")));
    expect(model).toBe("chain/ok~chain");
    expect(content).toBe("Hello from the scripted provider.");
    expect(parapet.route.candidates.slice(0, 1)).toEqual(["chain/500~chain"]);
    expect(parapet.route.attempts[0]).toEqual({ model: "chain/500~chain", outcome: "upstream_error" });
    expect(parapet.route.attempts.at(-1)).toEqual({ model: "chain/ok~chain", outcome: "ok" });
    await expectSettledBudget(key, { budgetMicros, calls: parapet.route.attempts.length, reader });
  });
});

describe("what the provider is told", () => {
  it("is the model's own name and the deployment's key, never the caller's", async () => {
    await chat(key, ask("scripted/ok", { user: "jane@example.com", metadata: { person: "jane" } }));
    const { recorded } = await providerStatsNow();
    const request = recorded.findLast(({ model }) => model === "ok");
    expect(request?.headers["authorization"]).toBe(`Bearer ${scriptedKey}`);
    expect(JSON.stringify(request)).not.toContain("parapet_");
    expect(JSON.stringify(request?.body)).not.toContain("jane");
  });
});
