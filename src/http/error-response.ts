import { HTTPException } from "hono/http-exception";
import { z } from "zod";
import { AppError, errorStatus, type ErrorCode } from "../core/errors.ts";
import { logError } from "../telemetry/log.ts";
import type { AppContext } from "./context.ts";

/** OpenAI's error body, plus the request's id, so that every OpenAI client understands it. */
export const errorBody = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      code: z.string(),
      param: z.string().nullable(),
      request_id: z.string(),
    }),
  })
  .meta({ id: "Error" });

/** The only code that makes an error body. */
export function errorResponse(cause: unknown, c: AppContext): Response {
  const error = toAppError(cause);
  const requestId = c.get("requestId");
  if (errorStatus[error.code] >= 500) logError("request.failed", { request_id: requestId, code: error.code }, cause);
  const headers = headersOf(error);
  const status = errorStatus[error.code];
  if (!isAnthropicPath(c.req.path)) return Response.json(toErrorBody(error, requestId), { status, headers });
  // Under this name Anthropic's clients look for it.
  headers.set("request-id", requestId);
  return Response.json(toAnthropicErrorBody(error, requestId), { status, headers });
}

function isAnthropicPath(path: string): boolean {
  return path === "/v1/messages" || path.startsWith("/v1/messages/");
}

/** Anthropic's error body, plus our code and the field at fault: the shape of errors under `/v1/messages`. */
export const anthropicErrorBody = z
  .object({
    type: z.literal("error"),
    error: z.object({
      type: z.string(),
      message: z.string(),
      code: z.string(),
      param: z.string().nullable(),
      details: z.object({ error_code: z.string() }).optional(),
    }),
    request_id: z.string(),
  })
  .meta({ id: "AnthropicError" });

export function toAnthropicErrorBody(error: AppError, requestId: string): z.infer<typeof anthropicErrorBody> {
  const { message, code, param } = error;
  // What Anthropic's clients act on: they send the whole conversation then.
  const isThread = code === "not_found" && param === "thread.previous_message_id";
  const details = isThread ? { details: { error_code: "thread_not_found" } } : {};
  return {
    type: "error",
    error: { type: anthropicTypeOf(code), message, code, param, ...details },
    request_id: requestId,
  };
}

/** Anthropic's own names for its statuses; of those it has none for, the nearest. */
function anthropicTypeOf(code: ErrorCode): string {
  const status = errorStatus[code];
  if (status === 401) return "authentication_error";
  if (status === 403) return "permission_error";
  if (status === 404) return "not_found_error";
  if (status === 409) return "conflict_error";
  if (status === 413) return "request_too_large";
  if (status === 429) return "rate_limit_error";
  if (status === 504) return "timeout_error";
  return status < 500 ? "invalid_request_error" : "api_error";
}

export function toErrorBody(error: AppError, requestId: string): z.infer<typeof errorBody> {
  return {
    error: {
      message: error.message,
      type: typeOf(error.code),
      code: error.code,
      param: error.param,
      request_id: requestId,
    },
  };
}

/** Whatever was thrown, as an error the caller may see. What we do not know becomes `internal`, with a fixed message. */
export function toAppError(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  if (cause instanceof z.ZodError) return invalidRequest(cause);
  if (cause instanceof HTTPException) return fromHono(cause);
  return new AppError("internal", "Something went wrong on our side. Quote the request id when you report it.", {
    cause,
  });
}

/** Names the first field at fault, and why. */
export function invalidRequest(error: { issues: readonly z.core.$ZodIssue[] }): AppError {
  const issue = deepest(error.issues);
  const path = issue?.path ?? [];
  const param = issue?.code === "unrecognized_keys" ? [...path, issue.keys[0]].join(".") : path.join(".");
  const message = issue?.code === "unrecognized_keys" ? "this field is not supported" : messageOf(issue);
  return new AppError("invalid_request", `${param === "" ? "The request" : param}: ${message}`, {
    param: param === "" ? null : param,
  });
}

function messageOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === "invalid_type" && issue.message.endsWith("received undefined")) return "is required";
  if (issue?.code === "too_small" && issue.origin === "array") return `must have at least ${issue.minimum}`;
  return issue?.message ?? "is invalid";
}

/** A union reports every branch; the one that got furthest says most, unless the union has words of its own. */
function deepest(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue | undefined {
  const issue = issues[0];
  if (issue?.code !== "invalid_union" || issue.errors.length === 0 || issue.message !== "Invalid input") return issue;
  const branches = issue.errors.map((branch) => deepest(branch)).filter((branch) => branch !== undefined);
  const best = branches.toSorted((left, right) => right.path.length - left.path.length)[0];
  return best === undefined ? issue : { ...best, path: [...issue.path, ...best.path] };
}

function fromHono(exception: HTTPException): AppError {
  if (exception.status === 413) return new AppError("request_too_large", "The request body is too large.");
  if (exception.status === 415)
    return new AppError("unsupported_media_type", "Send the body as JSON, with `content-type: application/json`.");
  if (exception.status === 400) return new AppError("invalid_json", "The request body is not valid JSON.");
  return new AppError("internal", "Something went wrong on our side. Quote the request id when you report it.", {
    cause: exception,
  });
}

function typeOf(code: ErrorCode): string {
  if (code === "budget_exceeded") return "insufficient_quota";
  const status = errorStatus[code];
  if (status === 401) return "authentication_error";
  if (status === 403) return "permission_error";
  if (status === 404) return "not_found_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "api_error";
}

function headersOf(error: AppError): Headers {
  const headers = new Headers();
  if (error.retryAfterMs !== null) {
    headers.set("retry-after", String(Math.ceil(error.retryAfterMs / 1000)));
    headers.set("retry-after-ms", String(Math.ceil(error.retryAfterMs)));
  }
  if (error.limit !== null) headers.set("x-parapet-limit", error.limit);
  if (errorStatus[error.code] === 401) headers.set("www-authenticate", "Bearer");
  // The official clients retry every 429 and 5xx; where another try only costs again they are told not to.
  if (
    error.code === "budget_exceeded" ||
    error.code === "not_ready" ||
    error.code === "price_unknown" ||
    error.code === "structured_output_invalid" ||
    error.code === "idempotent_request_interrupted"
  )
    headers.set("x-should-retry", "false");
  return headers;
}
