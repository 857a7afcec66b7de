import { z } from "zod";
import { AppError, type AppErrorDetail } from "../../core/errors.ts";
import { readRetryAfter, unreadable } from "../openai-compatible/map-error.ts";
import type { WireError } from "./wire.ts";

const maxRetryAfterMs = 3_600_000;
const maxQuoteLength = 300;

export interface ErrorContext {
  provider: string;
  /** Never to be seen in a message. */
  apiKey: string;
  nowMs: number;
}

/** What reading an answer threw. `retryable` is decided in this file and nowhere else. */
export function mapError(cause: unknown, { provider, apiKey }: ErrorContext): AppError {
  if (cause instanceof AppError) return cause;
  // A JSON parser quotes the text it stumbled over, and that text is content.
  if (cause instanceof SyntaxError) return unreadable(provider, "not JSON", cause);
  if (cause instanceof z.ZodError) {
    const issues = cause.issues.map((issue) => `${issue.path.join(".")}: ${issue.code}`);
    return unreadable(provider, issues.join("; "), cause);
  }
  return new AppError("upstream_error", `The provider ${provider} could not be reached.`, {
    internal: scrub(cause instanceof Error ? cause.message : String(cause), apiKey),
    cause,
    retryable: true,
  });
}

/** A prompt that Gemini refused to read. */
export function promptBlocked(blockReason: string, provider: string): AppError {
  return new AppError("upstream_content_filter", `The provider ${provider}'s content filter refused the request.`, {
    internal: blockReason.slice(0, 100),
    upstreamStatus: 200,
  });
}

const contextText = /input token count|maximum number of tokens|token limit|context (?:window|length)/i;
const keyReasons = new Set(["API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED"]);

/** A refusal by its HTTP status, or by the status in an error that came with HTTP 200, as streams send it. */
export function mapFailure(
  httpStatus: number,
  error: WireError | null,
  { headers, ...context }: ErrorContext & { headers: Headers | null },
): AppError {
  const { provider, apiKey, nowMs } = context;
  const status = httpStatus < 300 ? (error?.code ?? 500) : httpStatus;
  const said = quote(scrub(error?.message ?? "", apiKey));
  const reasons = (error?.details ?? []).flatMap(({ reason }) => reason ?? []);
  const retryAfterMs = readRetryDelay(error) ?? readRetryAfter(headers, nowMs);
  const detail: AppErrorDetail = {
    internal: [`HTTP ${httpStatus}`, error?.status ?? "", ...reasons].join(" ").trim(),
    upstreamStatus: httpStatus,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };
  const failure = (code: AppError["code"], message: string, isRetryable: boolean) =>
    new AppError(code, message, { ...detail, retryable: isRetryable });

  if (status < 400) return unreadable(provider, detail.internal ?? "", undefined, httpStatus);
  if (status === 401 || status === 403 || reasons.some((reason) => keyReasons.has(reason))) {
    return new AppError("upstream_auth", `The provider ${provider} refused this deployment's credentials.`, {
      ...detail,
      internal: `${detail.internal} ${said}`.trim(),
    });
  }
  // Asking the same provider again is no use; another one may have the model.
  if (status === 404) return failure("model_unavailable", `The provider ${provider} does not offer this model.`, true);
  if (status === 408 || status === 429)
    return failure("upstream_rate_limited", `The provider ${provider} is limiting requests: try again later.`, true);
  if (status >= 500 || status === 409) return failure("upstream_error", `The provider ${provider} failed.`, true);
  if (contextText.test(said)) {
    // Another candidate may have the larger window.
    return failure("context_length_exceeded", `The request is longer than the model's context window: ${said}`, true);
  }
  const what = `The provider ${provider} refused the request`;
  return failure("upstream_rejected", said === "" ? `${what}.` : `${what}: ${said}`, false);
}

/** google.rpc.RetryInfo: seconds as a decimal with an `s`, e.g. `34.4s`. */
function readRetryDelay(error: WireError | null): number | null {
  const text = error?.details?.find(({ retryDelay }) => typeof retryDelay === "string")?.retryDelay ?? "";
  const seconds = /^(\d+(?:\.\d+)?)s$/.exec(text)?.[1];
  return seconds === undefined ? null : Math.min(Math.ceil(Number(seconds) * 1000), maxRetryAfterMs);
}

function scrub(text: string, apiKey: string): string {
  return apiKey === "" ? text : text.replaceAll(apiKey, "[key]");
}

function quote(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > maxQuoteLength ? `${line.slice(0, maxQuoteLength)}…` : line;
}
