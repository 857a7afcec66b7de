import { inject } from "vitest";
import { z } from "zod";

/** Who asks, and where. */
export interface Caller {
  baseUrl: string;
  /** The bearer token; `null` sends none. */
  key: string | null;
}

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  /** `null` when the body is not JSON. */
  json: unknown;
  /** `x-parapet-trace`. */
  traceId: string;
}

export function anonymous(): Caller {
  return { baseUrl: inject("baseUrl"), key: null };
}

export function admin(): Caller {
  return { baseUrl: inject("baseUrl"), key: inject("adminToken") };
}

/** Sends a request as any HTTP client would and reads the whole answer. A `body` that is a string goes as it is. */
export async function send(
  caller: Caller,
  method: string,
  path: string,
  body?: unknown,
  { headers = {}, signal }: { headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Reply> {
  const response = await open(caller, method, path, body, { headers, ...(signal === undefined ? {} : { signal }) });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: parseJson(text),
    traceId: response.headers.get("x-parapet-trace") ?? "",
  };
}

/** The same without reading the answer. */
export function open(
  caller: Caller,
  method: string,
  path: string,
  body?: unknown,
  { headers = {}, signal }: { headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Response> {
  return fetch(`${caller.baseUrl}${path}`, {
    method,
    headers: {
      ...(caller.key === null ? {} : { authorization: `Bearer ${caller.key}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const errorReply = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    code: z.string(),
    param: z.string().nullable(),
    request_id: z.string(),
  }),
});

/** Under `/v1/messages` errors have Anthropic's shape: the request's id stands beside the error. */
const anthropicErrorReply = z.object({
  type: z.literal("error"),
  error: errorReply.shape.error.omit({ request_id: true }),
  request_id: z.string(),
});

/** The error of a reply that must be one. */
export function errorOf({ json }: { json: unknown }): z.infer<typeof errorReply>["error"] {
  const anthropic = anthropicErrorReply.safeParse(json);
  if (!anthropic.success) return errorReply.parse(json).error;
  return { ...anthropic.data.error, request_id: anthropic.data.request_id };
}

export interface KeyOptions {
  scopes?: string[];
  project?: string;
  expiresAtMs?: number;
  limits?: Partial<
    Record<"requests_per_minute" | "tokens_per_minute" | "daily_budget_micros" | "monthly_budget_micros", number>
  >;
}

const createdKey = z.object({ id: z.string(), key: z.string(), project_id: z.string() });

/** A key, and the caller who has it. */
export interface IssuedKey extends Caller {
  id: string;
  key: string;
  project: string;
}

export const everyScope = [
  "chat",
  "embeddings",
  "act_as",
  "collections:read",
  "collections:write",
  "usage:read",
  "audit:read",
  "traces:read",
  "content:read",
  "keys:write",
  "evals:run",
  "budgets:write",
];

/** Scopes that read records: what a test looks through, never what it tests. */
export const readingScopes = ["usage:read", "audit:read", "traces:read", "content:read"];

/** Issues a key with the bootstrap admin's token. Limits not named are out of a test's way. */
export async function issueKey(options: KeyOptions = {}, by: Caller = admin()): Promise<IssuedKey> {
  const reply = await send(by, "POST", "/v1/keys", {
    name: "e2e",
    scopes: options.scopes ?? ["chat", "embeddings"],
    ...(options.project === undefined ? {} : { project_id: options.project }),
    ...(options.expiresAtMs === undefined ? {} : { expires_at_ms: options.expiresAtMs }),
    limits: {
      requests_per_minute: 100_000,
      tokens_per_minute: 1_000_000_000,
      daily_budget_micros: 1_000_000_000,
      monthly_budget_micros: 1_000_000_000,
      ...options.limits,
    },
  });
  if (reply.status !== 201) throw new Error(`no key: ${reply.status} ${reply.text}`);
  const { id, key, project_id: project } = createdKey.parse(reply.json);
  return { baseUrl: by.baseUrl, id, key, project };
}

let projects = 0;

/** A project of its own, so that no test file sees another's records. */
export function newProject(): string {
  projects += 1;
  return `prj_e2e_${Date.now().toString(36)}_${projects}`;
}

/** A chat request to a scripted model. */
export function chatBody(model: string, more: object = {}): object {
  return { model, messages: [{ role: "user", content: "Say hello." }], ...more };
}

export function chat(caller: Caller, body: object): Promise<Reply> {
  return send(caller, "POST", "/v1/chat/completions", body);
}

const completion = z.object({
  model: z.string(),
  choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }), finish_reason: z.string() })),
  usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int() }),
  parapet: z.object({
    trace_id: z.string(),
    route: z.object({
      reason: z.string(),
      model: z.string(),
      candidates: z.array(z.string()),
      attempts: z.array(z.object({ model: z.string(), outcome: z.string() })),
    }),
    cost_micros: z.int(),
    degraded: z.boolean(),
    generated: z.boolean(),
    grounding: z.string(),
    citations: z.array(
      z.object({
        index: z.int(),
        document_id: z.string(),
        document_title: z.string(),
        chunk_id: z.string(),
        start: z.int(),
        end: z.int(),
        quote: z.string(),
      }),
    ),
    unsupported_sentences: z.int(),
    guardrails: z.array(
      z.object({
        guardrail: z.string(),
        stage: z.string(),
        action: z.string(),
        rules: z.array(z.string()),
        redactions: z.int(),
      }),
    ),
  }),
});

/** The completion of a reply that must be one. */
export function completionOf(reply: Reply) {
  if (reply.status !== 200) throw new Error(`no completion: ${reply.status} ${reply.text}`);
  const parsed = completion.parse(reply.json);
  return { ...parsed, content: parsed.choices[0]?.message.content ?? "" };
}
