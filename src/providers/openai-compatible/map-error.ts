import { APIConnectionError, APIError } from "openai";
import { z } from "zod";
import { AppError, type AppErrorDetail, type ErrorCode } from "../../core/errors.ts";
import { wireError, type WireError } from "./wire.ts";

/** A provider's wish for patience is passed on up to here; beyond it lies a broken header. */
const maxRetryAfterMs = 3_600_000;
const maxQuoteLength = 300;
/** What a provider answers a call with that it accepts: an error, or no answer at all, may still follow. */
const accepted = 200;

export interface ErrorContext {
  provider: string;
  /** Never to be seen in a message: some providers echo the key they refuse. */
  apiKey: string | null;
  nowMs: number;
}

/** What a failed call to an OpenAI-compatible provider means to a caller. `retryable` is decided here and nowhere else. */
export function mapError(cause: unknown, context: ErrorContext): AppError {
  if (cause instanceof AppError) return cause;
  if (cause instanceof APIConnectionError) return unreachable(cause, context);
  if (cause instanceof APIError && typeof cause.status === "number") {
    const parsed = wireError.safeParse(cause.error);
    const error = parsed.success ? parsed.data : null;
    const { status } = cause;
    return mapStatus(status, error, { ...context, upstreamStatus: status, headers: cause.headers ?? null, cause });
  }
  if (cause instanceof SyntaxError || cause instanceof z.ZodError)
    return unreadable(context.provider, describe(cause), cause);
  return unreachable(cause, context);
}

/** An error object that came with HTTP 200, in a stream or in place of an answer. */
export function mapErrorBody(error: WireError, context: ErrorContext): AppError {
  const inBody = { ...context, upstreamStatus: accepted, headers: null, cause: null };
  const named = mapNamed(error, inBody);
  if (named !== null) return named;
  const status = typeof error.code === "number" ? error.code : Number(error.code);
  if (status >= 400 && status < 600) return mapStatus(status, error, inBody);
  if (error.type === "invalid_request_error") return mapStatus(400, error, inBody);
  return failed(context, "broke off with an error", { internal: label(error), upstreamStatus: accepted });
}

/** An answer that is no answer: HTML, half a JSON text, a shape nobody documented. */
export function unreadable(provider: string, internal: string, cause?: unknown, upstreamStatus = accepted): AppError {
  return new AppError("upstream_invalid_response", `The provider ${provider} sent an answer that could not be read.`, {
    internal,
    upstreamStatus,
    cause,
    retryable: true,
  });
}

interface StatusContext extends ErrorContext {
  upstreamStatus: number;
  headers: Headers | null;
  cause: unknown;
}

function mapStatus(status: number, error: WireError | null, context: StatusContext): AppError {
  const { provider, headers, cause, upstreamStatus } = context;
  const internal = `HTTP ${status} ${label(error)} ${headers?.get("x-request-id") ?? ""}`.trim();
  const retryAfterMs = readRetryAfter(headers, context.nowMs);
  const detail: AppErrorDetail = {
    internal,
    cause,
    upstreamStatus,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };

  if (status === 401 || status === 403) {
    const said = scrub(error?.message ?? "", context.apiKey);
    return new AppError("upstream_auth", `The provider ${provider} refused this deployment's credentials.`, {
      ...detail,
      internal: `${internal} ${quote(said)}`.trim(),
    });
  }
  if (status === 404) {
    // Asking the same provider again is no use; another one may have the model.
    return new AppError("model_unavailable", `The provider ${provider} does not offer this model.`, {
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
  if (error?.code !== "model_unavailable" && (status >= 500 || status === 409))
    return failed(context, "failed", detail);
  if (status < 400) return unreadable(provider, internal, cause, upstreamStatus);
  return (
    mapNamed(error, context) ??
    refused("upstream_rejected", `The provider ${provider} refused the request`, error, context, detail)
  );
}

const contextCodes = new Set(["context_length_exceeded", "context_window_exceeded", "string_above_max_length"]);
const contextText = /maximum context length|context window|context length|exceeds? the available context/i;
const filterCodes = new Set(["content_filter", "content_policy_violation", "invalid_prompt"]);

/** Refusals that mean the same at every status. */
function mapNamed(error: WireError | null, context: StatusContext): AppError | null {
  if (error === null) return null;
  const code = String(error.code ?? "");
  const detail = { internal: label(error), upstreamStatus: context.upstreamStatus };
  if (contextCodes.has(code) || contextText.test(error.message ?? "")) {
    // Another candidate may have the larger window.
    return refused("context_length_exceeded", "The request is longer than the model's context window", error, context, {
      ...detail,
      retryable: true,
    });
  }
  if (filterCodes.has(code)) {
    return refused(
      "upstream_content_filter",
      `The provider ${context.provider}'s content filter refused the request`,
      error,
      context,
      detail,
    );
  }
  if (code === "model_unavailable") {
    // The local model server's own word, and it says what to do. Asking it again is no use; another provider may have a model.
    return refused(
      "model_unavailable",
      `The provider ${context.provider} has no model to answer with`,
      error,
      context,
      {
        ...detail,
        retryable: true,
      },
    );
  }
  if (code === "rate_limit_exceeded" || code === "insufficient_quota" || error.type === "rate_limit_error") {
    return new AppError(
      "upstream_rate_limited",
      `The provider ${context.provider} is limiting requests: try again later.`,
      {
        ...detail,
        retryable: true,
      },
    );
  }
  return null;
}

function refused(
  code: ErrorCode,
  what: string,
  error: WireError | null,
  { apiKey }: ErrorContext,
  detail: AppErrorDetail,
): AppError {
  const said = quote(scrub(error?.message ?? "", apiKey));
  return new AppError(code, said === "" ? `${what}.` : `${what}: ${said}`, { ...detail, param: error?.param ?? null });
}

function failed({ provider }: ErrorContext, what: string, detail: AppErrorDetail): AppError {
  return new AppError("upstream_error", `The provider ${provider} ${what}.`, { ...detail, retryable: true });
}

function unreachable(cause: unknown, { provider, apiKey }: ErrorContext): AppError {
  return new AppError("upstream_error", `The provider ${provider} could not be reached.`, {
    internal: scrub(describe(cause), apiKey),
    cause,
    retryable: true,
  });
}

/** Seconds, milliseconds or an HTTP date; `null` when the provider named none, or nonsense. */
export function readRetryAfter(headers: Headers | null, nowMs: number): number | null {
  const precise = Number.parseFloat(headers?.get("retry-after-ms") ?? "");
  if (precise >= 0) return Math.min(Math.ceil(precise), maxRetryAfterMs);
  const text = headers?.get("retry-after")?.trim() ?? "";
  if (text === "") return null;
  const seconds = Number(text);
  const afterMs = Number.isNaN(seconds) ? Date.parse(text) - nowMs : seconds * 1000;
  return Number.isNaN(afterMs) ? null : Math.min(Math.max(Math.ceil(afterMs), 0), maxRetryAfterMs);
}

/** Names only: a message may quote the prompt, and this goes to the log. */
function label(error: WireError | null): string {
  return [error?.type, error?.code, error?.param].filter((part) => part !== null && part !== undefined).join(" ");
}

function describe(cause: unknown): string {
  if (cause instanceof z.ZodError)
    return cause.issues.map((issue) => `${issue.path.join(".")}: ${issue.code}`).join("; ");
  // A JSON parser quotes the text it stumbled over, and that text is content.
  if (cause instanceof SyntaxError) return "not JSON";
  return cause instanceof Error ? cause.message : String(cause);
}

function scrub(text: string, apiKey: string | null): string {
  return apiKey === null || apiKey === "" ? text : text.replaceAll(apiKey, "[key]");
}

function quote(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > maxQuoteLength ? `${line.slice(0, maxQuoteLength)}…` : line;
}
