import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { matchedRoutes } from "hono/route";
import { z } from "zod";
import { actAs } from "../../core/act-as.ts";
import { detachedRunOf } from "../../core/detached-run.ts";
import { AppError } from "../../core/errors.ts";
import { canonicalJson, sha256Hex, toHex } from "../../core/hash.ts";
import { newId } from "../../core/ids.ts";
import type { Scope } from "../../core/principal.ts";
import type { ReplayAnswer, ReplayRequest } from "../../core/replay.ts";
import type { AppContext, AppEnvironment } from "../context.ts";
import { govern } from "../govern.ts";
import { observedServices } from "../observed-services.ts";
import { requiredScope } from "./require-scope.ts";

const keyHeader = "Idempotency-Key";
/** Printable ASCII: what every client and proxy can send in a header, and short enough to be no body. */
const keyPattern = /^[\x20-\x7e]{1,255}$/;
/** Of what calls a model: only there is something to finish. */
const drainable: readonly (Scope | null)[] = ["chat", "embeddings"];
/** Not of the request, but of the exchange it came with; `origin` makes headers for one browser alone. */
const ownHeaders = new Set([
  "idempotency-key",
  "last-event-id",
  "connection",
  "content-length",
  "transfer-encoding",
  "origin",
]);
/** What the first answer was known by, and under which name a replay says so. */
const originalHeaders = [
  ["x-request-id", "x-parapet-original-request-id"],
  ["x-parapet-trace", "x-parapet-original-trace"],
] as const;

const extension = z.object({
  parapet: z.object({ subject: z.string().optional(), on_disconnect: z.enum(["abort", "drain"]).optional() }),
});

/**
 * A POST with an `Idempotency-Key` is run once for its principal and key, apart from its client, and answered the same for 24 h;
 * one that is to drain is run apart from its client too. Both cost a hop to a Replay object, which comes back here without the key.
 */
export const idempotency = createMiddleware<AppEnvironment>(async (c, next) => {
  if (c.req.method !== "POST") return next();
  const run = detachedRunOf(c.executionCtx);
  if (run !== null) {
    c.set("services", observedServices(c.var.services, run));
    return next();
  }
  const scope = requiredScope(matchedRoutes(c).map(({ handler }) => handler));
  // The route says what is missing: who may not ask sees no stored answer either.
  if (scope === null || !c.var.principal.scopes.has(scope)) return next();
  const key = readKey(c);
  const asked = await readExtension(c, key !== null);
  if (key !== null) return runOnce(c, key, asked?.subject);
  const policy = asked?.on_disconnect ?? c.var.principal.onDisconnect;
  return policy === "drain" && drainable.includes(scope) ? drain(c) : next();
});

async function runOnce(c: AppContext, key: string, subject: string | undefined): Promise<Response> {
  const { secretKeys } = c.var.services;
  const principal = await actAs(c.var.principal, subject, secretKeys);
  const line = await sha256Hex(`${principal.rootKeyId ?? principal.kind}\n${key}`);
  const body = await c.req.arrayBuffer();
  const answer = await join(c, `${principal.projectId}/${principal.subjectId}/${line}`, {
    fingerprint: await fingerprintOf(c, body),
    body,
    lastEventId: readLastEventId(c),
    isKept: true,
  });
  if (answer.kind === "run") return answer.response;
  return govern(c, { action: "idempotency.replay", target: c.req.path, principal }, async () => {
    if (answer.kind === "conflict")
      throw new AppError(
        "conflict",
        `This ${keyHeader} was used with another request. Use a new key for a new request.`,
        {
          param: keyHeader,
        },
      );
    if (answer.kind === "interrupted") throw interrupted();
    const result = renderReplay(answer.response);
    const original = Object.fromEntries(originalHeaders.map(([, name]) => [name, result.headers.get(name)]));
    return { result, detail: { trace: original["x-parapet-original-trace"] ?? null, status: result.status } };
  }).catch(async (cause: unknown) => {
    // Refused, by a limit or because the key was revoked: the stored answer stays where it is.
    if (answer.kind === "replay") await answer.response.body?.cancel();
    throw cause;
  });
}

async function drain(c: AppContext): Promise<Response> {
  const { projectId, subjectId } = c.var.principal;
  const answer = await join(c, `${projectId}/${subjectId}/${newId("request")}`, {
    fingerprint: "",
    body: await c.req.arrayBuffer(),
    lastEventId: null,
    isKept: false,
  });
  if (answer.kind === "run" || answer.kind === "replay") return answer.response;
  throw interrupted();
}

/** Asks a second time when the object was lost on the way: it knows then whether the run had begun to cost. */
async function join(
  c: AppContext,
  name: string,
  request: Pick<ReplayRequest, "fingerprint" | "body" | "lastEventId" | "isKept">,
): Promise<ReplayAnswer> {
  const whole: ReplayRequest = {
    ...request,
    method: c.req.method,
    url: c.req.url,
    headers: forwardedHeaders(c, request.body),
  };
  const ask = () => c.var.services.replayOf(name).join(whole);
  try {
    return await ask().catch(ask);
  } catch (cause) {
    throw new AppError(
      "storage_unavailable",
      "It cannot be made sure right now that this request runs once. Try again shortly.",
      {
        cause,
        retryAfterMs: 2000,
      },
    );
  }
}

function forwardedHeaders(c: AppContext, body: ArrayBuffer): [string, string][] {
  const headers = [...c.req.raw.headers].filter(([name]) => !ownHeaders.has(name));
  return [...headers, ["content-length", String(body.byteLength)]];
}

/** The stored answer with its own ids under other names: this request has its own. */
function renderReplay(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, original] of originalHeaders) {
    const id = headers.get(name);
    if (id !== null) headers.set(original, id);
    headers.delete(name);
  }
  headers.delete("traceparent");
  headers.set("x-parapet-idempotent-replay", "true");
  return new Response(response.body, { status: response.status, headers });
}

function readKey(c: Context): string | null {
  const key = c.req.header(keyHeader);
  if (key === undefined) return null;
  if (!keyPattern.test(key))
    throw new AppError("invalid_request", `${keyHeader}: must be 1 to 255 printable ASCII characters`, {
      param: keyHeader,
    });
  return key;
}

function readLastEventId(c: Context): number | null {
  const id = c.req.header("last-event-id") ?? "";
  return /^\d{1,12}$/.test(id) ? Number(id) : null;
}

/** What the body's `parapet` says that matters here. A body is parsed for it only where it may say something. */
async function readExtension(c: AppContext, hasKey: boolean): Promise<z.infer<typeof extension>["parapet"] | null> {
  if (!isJson(c)) return null;
  const text = await c.req.text();
  // A name may be written with escapes: `"\u0073ubject"` is `"subject"`.
  const mayName = (field: string) => text.includes(`"${field}"`) || text.includes("\\u");
  if (!mayName("on_disconnect") && !(hasKey && mayName("subject"))) return null;
  // What is wrong with the body, the route says.
  return extension.safeParse(parseJson(text)).data?.parapet ?? null;
}

/** The same JSON in another order or with other spaces is the same request. */
async function fingerprintOf(c: AppContext, body: ArrayBuffer): Promise<string> {
  const url = new URL(c.req.url);
  const json = isJson(c) ? canonicalForm(await c.req.text()) : null;
  const content =
    json === null ? toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", body))) : await sha256Hex(json);
  return sha256Hex(JSON.stringify([c.req.method, url.pathname, url.search, content]));
}

function isJson(c: Context): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\b/i.test(c.req.header("content-type") ?? "");
}

/** `null` for what is no JSON, or is nested deeper than the stack. */
function canonicalForm(text: string): string | null {
  try {
    return canonicalJson(JSON.parse(text));
  } catch {
    return null;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function interrupted(): AppError {
  return new AppError(
    "idempotent_request_interrupted",
    `The run of this request was interrupted after it may have been charged, and is not run again under the same ${keyHeader}. Use a new key to run it again.`,
    { param: keyHeader },
  );
}
