/** A failure the server answers with, in OpenAI's shape. */
export class WireError extends Error {
  readonly status: number;
  readonly code: string;
  readonly param: string | null;

  constructor(status: number, code: string, message: string, param: string | null = null) {
    super(message);
    this.name = "WireError";
    this.status = status;
    this.code = code;
    this.param = param;
  }
}

export function errorBody(error: WireError): {
  error: { message: string; type: string; param: string | null; code: string };
} {
  const type = error.status >= 500 ? "server_error" : "invalid_request_error";
  return { error: { message: error.message, type, param: error.param, code: error.code } };
}

/** Any thrown value as a `WireError`; what was not meant for the client becomes a plain 500. */
export function toWireError(error: unknown): WireError {
  if (error instanceof WireError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new WireError(500, "internal_error", `The local model server failed: ${message}`);
}
