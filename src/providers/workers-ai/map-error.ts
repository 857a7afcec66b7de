import { z } from "zod";
import { nextUtcDayMs } from "../../core/clock.ts";
import { AppError, type AppErrorDetail, type ErrorCode } from "../../core/errors.ts";

/**
 * Workers AI's error codes (developers.cloudflare.com/workers-ai/platform/errors, 2026-07-29). The binding throws them as
 * the message's first number, `5007: No such model …`, sometimes behind a name.
 */
const codes: Readonly<Record<number, { code: ErrorCode; message: string; retryable: boolean; quotes?: boolean }>> = {
  5007: { code: "model_unavailable", message: "Workers AI does not offer this model.", retryable: true },
  3042: { code: "model_unavailable", message: "Workers AI does not offer this model.", retryable: true },
  5004: { code: "upstream_rejected", message: "Workers AI refused the request", retryable: false, quotes: true },
  5005: { code: "upstream_rejected", message: "Workers AI refused the request", retryable: false, quotes: true },
  5006: { code: "upstream_rejected", message: "Workers AI refused the request", retryable: false, quotes: true },
  3003: { code: "upstream_rejected", message: "Workers AI refused the request", retryable: false, quotes: true },
  3006: { code: "upstream_rejected", message: "The request is too large for Workers AI.", retryable: false },
  5021: {
    code: "context_length_exceeded",
    message: "The request is longer than the model's context window",
    retryable: true,
    quotes: true,
  },
  5024: {
    code: "upstream_invalid_response",
    message: "The model's answer did not fit the JSON schema.",
    retryable: true,
  },
  5016: { code: "upstream_auth", message: "Workers AI refused this deployment's account.", retryable: false },
  5018: { code: "upstream_auth", message: "Workers AI refused this deployment's account.", retryable: false },
  5019: { code: "upstream_auth", message: "Workers AI refused this deployment's account.", retryable: false },
  3023: { code: "upstream_auth", message: "Workers AI refused this deployment's account.", retryable: false },
  3041: { code: "upstream_auth", message: "Workers AI refused this deployment's account.", retryable: false },
  3036: { code: "upstream_rate_limited", message: "Workers AI's daily allocation is used up.", retryable: true },
  3040: { code: "upstream_rate_limited", message: "Workers AI is out of capacity: try again later.", retryable: true },
  3007: { code: "upstream_timeout", message: "Workers AI did not answer in time.", retryable: true },
  3046: { code: "upstream_timeout", message: "Workers AI did not answer in time.", retryable: true },
};

/** The HTTP status that the same page gives each code: the binding does not tell. */
const statusOf: Readonly<Record<number, number>> = {
  3003: 400,
  3006: 413,
  3007: 408,
  3023: 403,
  3036: 429,
  3040: 429,
  3041: 403,
  3042: 404,
  5004: 400,
  5005: 405,
  5007: 400,
  5016: 403,
  5018: 403,
  5019: 405,
};

const dailyAllocation = 3036;
const maxQuoteLength = 300;
/** As much of an error is looked at. */
const maxErrorCharacters = 64 * 1024;
const localPrefix = "model_unavailable: ";

/** What a failed call of the AI binding means to a caller. `retryable` is decided here and nowhere else. */
export function mapError(cause: unknown, { nowMs }: { nowMs: number }): AppError {
  if (cause instanceof AppError) return cause;
  if (cause instanceof SyntaxError || cause instanceof z.ZodError) {
    return new AppError("upstream_invalid_response", "Workers AI sent an answer that could not be read.", {
      internal:
        cause instanceof z.ZodError
          ? cause.issues.map((issue) => `${issue.path.join(".")}: ${issue.code}`).join("; ")
          : "not JSON",
      cause,
      retryable: true,
    });
  }
  return mapErrorText(cause instanceof Error ? cause.message : String(cause), { nowMs, cause });
}

/** The same for an error that came as text: in a stream, or in place of an answer. */
export function mapErrorText(said: string, { nowMs, cause }: { nowMs: number; cause?: unknown }): AppError {
  const text = said.slice(0, maxErrorCharacters);
  const local = text.indexOf(localPrefix);
  if (local !== -1)
    return new AppError("model_unavailable", sentence(text.slice(local + localPrefix.length)), {
      cause,
      retryable: true,
    });

  const number = Number(/(?:^|\D)([35]\d{3})\b/.exec(text)?.[1] ?? Number.NaN);
  const known = codes[number];
  if (known === undefined) {
    return new AppError("upstream_error", "Workers AI failed.", {
      internal: Number.isNaN(number) ? "without a code" : `code ${number}`,
      cause,
      retryable: true,
    });
  }
  const status = statusOf[number];
  const detail: AppErrorDetail = {
    internal: `code ${number}`,
    cause,
    retryable: known.retryable,
    ...(status === undefined ? {} : { upstreamStatus: status }),
    ...(number === dailyAllocation ? { retryAfterMs: nextUtcDayMs(nowMs) - nowMs } : {}),
  };
  return new AppError(known.code, known.quotes === true ? `${known.message}: ${quote(text)}` : known.message, detail);
}

function quote(text: string): string {
  const line = text
    .replace(/^.*?[35]\d{3}:\s*/s, "")
    .replace(/\s+/g, " ")
    .trim();
  return line.length > maxQuoteLength ? `${line.slice(0, maxQuoteLength)}…` : line;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
