import { AppError } from "../core/errors.ts";
import { attribute } from "../telemetry/attributes.ts";
import type { Span } from "../telemetry/trace.ts";
import { codeOf } from "./account-call.ts";
import type { GatewayDeps } from "./request-scope.ts";

/** Ends the span of a model call that failed, with the status its provider answered with, and tells whoever watches. */
export function endFailedCall(
  span: Span,
  { model, cause }: { model: string; cause: unknown },
  { reportFailure }: Pick<GatewayDeps, "reportFailure">,
): void {
  const code = codeOf(cause);
  const status = cause instanceof AppError ? cause.upstreamStatus : null;
  if (status !== null) span.set({ [attribute.httpStatus]: status });
  span.end({ error: code });
  // A client that left is no failure of the model's.
  if (code !== "client_closed_request") reportFailure?.({ model, code, status });
}
