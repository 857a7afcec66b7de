/** The HTTP status of each error the API can answer with: the one place where the two meet. */
export const errorStatus = {
  invalid_json: 400,
  invalid_request: 400,
  unsupported_parameter: 400,
  guardrail_refused: 400,
  context_length_exceeded: 400,
  budget_too_small: 400,
  destination_refused: 400,
  upstream_rejected: 400,
  upstream_content_filter: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  model_not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  idempotent_request_interrupted: 409,
  request_too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  budget_reserved: 429,
  budget_exceeded: 429,
  upstream_rate_limited: 429,
  client_closed_request: 499,
  internal: 500,
  upstream_auth: 502,
  upstream_error: 502,
  upstream_invalid_response: 502,
  upstream_incomplete: 502,
  structured_output_invalid: 502,
  price_unknown: 503,
  model_unavailable: 503,
  storage_unavailable: 503,
  meter_unavailable: 503,
  identity_unavailable: 503,
  not_ready: 503,
  upstream_timeout: 504,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof errorStatus;

export interface AppErrorDetail {
  /** The request field at fault, in dot notation, e.g. `messages.0.role`. */
  param?: string | null;
  /** How long a client should wait before it tries again. */
  retryAfterMs?: number;
  /** The limit that was hit, e.g. `requests_per_minute`. */
  limit?: string;
  /** For the log only: never reaches a client. */
  internal?: string;
  /** The HTTP status a provider answered with: for the trace. */
  upstreamStatus?: number;
  /** Whether another attempt, or another provider, may succeed. Decided once, where the failure is mapped. */
  retryable?: boolean;
  cause?: unknown;
}

/** A failure whose message the caller may read and act on. Whatever else is known stays in `internal` and `cause`. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly param: string | null;
  readonly retryAfterMs: number | null;
  readonly limit: string | null;
  readonly internal: string | null;
  readonly upstreamStatus: number | null;
  readonly retryable: boolean;

  constructor(code: ErrorCode, publicMessage: string, detail: AppErrorDetail = {}) {
    super(publicMessage, { cause: detail.cause });
    this.name = "AppError";
    this.code = code;
    this.param = detail.param ?? null;
    this.retryAfterMs = detail.retryAfterMs ?? null;
    this.limit = detail.limit ?? null;
    this.internal = detail.internal ?? null;
    this.upstreamStatus = detail.upstreamStatus ?? null;
    this.retryable = detail.retryable ?? false;
  }
}
