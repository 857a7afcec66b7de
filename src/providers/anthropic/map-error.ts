import { z } from "zod";
import { AppError, type AppErrorDetail, type ErrorCode } from "../../core/errors.ts";
import { readRetryAfter, unreadable } from "../openai-compatible/map-error.ts";
import type { WireError } from "./wire.ts";

const maxQuoteLength = 300;

export interface ErrorContext {
  provider: string;
  /** Never to be seen in a message. */
  apiKey: string;
  nowMs: number;
}

/** What a failed call to Anthropic means to a caller. `retryable` is decided in this file and nowhere else. */
export function mapError(cause: unknown, context: ErrorContext): AppError {
  if (cause instanceof AppError) return cause;
  // A JSON parser quotes the text it stumbled over, and that text is content.
  if (cause instanceof SyntaxError) return unreadable(context.provider, "not JSON", cause);
  if (cause instanceof z.ZodError) {
    const internal = cause.issues.map((issue) => `${issue.path.join(".")}: ${issue.code}`).join("; ");
    return unreadable(context.provider, internal, cause);
  }
  return new AppError("upstream_error", `The provider ${context.provider} could not be reached.`, {
    internal: scrub(cause instanceof Error ? cause.message : String(cause), context.apiKey),
    cause,
    retryable: true,
  });
}

/** Anthropic's error types with the status each is documented with, for errors that come inside a stream. */
const statusOf: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** An error event in a stream, or an error in place of an answer. */
export function mapErrorBody(error: WireError, context: ErrorContext): AppError {
  return mapStatus(statusOf[error.type ?? ""] ?? 500, error, { ...context, headers: null, upstreamStatus: 200 });
}

const contextText =
  /prompt is too long|exceed(?:s|ed)? (?:the )?context (?:limit|window)|maximum context length|context window/i;
/** Anthropic words an empty account as an invalid request. */
const billingText = /credit balance|spend limit|billing/i;

export function mapStatus(
  status: number,
  error: WireError | null,
  context: ErrorContext & {
    headers: Headers | null;
    /** The response's own status, where the error in it names another. */
    upstreamStatus?: number;
  },
): AppError {
  const { provider, headers, upstreamStatus = status } = context;
  const retryAfterMs = readRetryAfter(headers, context.nowMs);
  const detail: AppErrorDetail = {
    // Names only: a message may quote the prompt, and this goes to the log.
    internal: `HTTP ${status} ${error?.type ?? ""} ${headers?.get("request-id") ?? ""}`.trim(),
    upstreamStatus,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };
  const said = error?.message ?? "";

  if (status < 400) return unreadable(provider, detail.internal ?? "", undefined, upstreamStatus);
  if (status === 401 || status === 403) {
    return new AppError("upstream_auth", `The provider ${provider} refused this deployment's credentials.`, {
      ...detail,
      internal: `${detail.internal} ${quote(said, context)}`.trim(),
    });
  }
  if (status === 402 || (status === 400 && billingText.test(said))) {
    return new AppError("upstream_rate_limited", `The provider ${provider} has reached its spend limit.`, {
      ...detail,
      retryable: true,
    });
  }
  // Asking the same provider again is no use; another one may have the model.
  if (status === 404) {
    return new AppError("model_unavailable", `The provider ${provider} does not offer this model.`, {
      ...detail,
      retryable: true,
    });
  }
  if (status === 413) {
    return refused("upstream_rejected", `The provider ${provider} takes no request of this size`, said, context, {
      ...detail,
      retryable: true,
    });
  }
  if (status === 408 || status === 429) {
    return new AppError("upstream_rate_limited", `The provider ${provider} is limiting requests: try again later.`, {
      ...detail,
      retryable: true,
    });
  }
  if (status >= 500 || status === 409)
    return new AppError("upstream_error", `The provider ${provider} failed.`, { ...detail, retryable: true });
  // Another candidate may have the larger window.
  if (contextText.test(said)) {
    return refused("context_length_exceeded", "The request is longer than the model's context window", said, context, {
      ...detail,
      retryable: true,
    });
  }
  if (/content filter|content policy|blocked by/i.test(said)) {
    return refused(
      "upstream_content_filter",
      `The provider ${provider}'s content filter refused the request`,
      said,
      context,
      detail,
    );
  }
  return refused("upstream_rejected", `The provider ${provider} refused the request`, said, context, detail);
}

function refused(code: ErrorCode, what: string, said: string, context: ErrorContext, detail: AppErrorDetail): AppError {
  const reason = quote(said, context);
  // Anthropic begins its messages with the field at fault: `messages.1.content: …`.
  const param = /^([a-z_]+(?:\.[\w-]+)*):\s/.exec(said)?.[1] ?? null;
  return new AppError(code, reason === "" ? `${what}.` : `${what}: ${reason}`, { ...detail, param });
}

function scrub(text: string, apiKey: string): string {
  return apiKey === "" ? text : text.replaceAll(apiKey, "[key]");
}

function quote(text: string, { apiKey }: ErrorContext): string {
  const line = scrub(text, apiKey).replace(/\s+/g, " ").trim();
  return line.length > maxQuoteLength ? `${line.slice(0, maxQuoteLength)}…` : line;
}
