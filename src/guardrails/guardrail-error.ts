import { AppError } from "../core/errors.ts";
import type { AppErrorDetail, ErrorCode } from "../core/errors.ts";
import type { Verdict } from "../core/verdict.ts";

/** A refusal (`guardrail_refused`), or a check that broke and was closed by policy (`internal`); carries what was decided so far. */
export class GuardrailError extends AppError {
  readonly verdicts: Verdict[];

  constructor(
    code: Extract<ErrorCode, "guardrail_refused" | "internal">,
    message: string,
    detail: AppErrorDetail & { verdicts: Verdict[] },
  ) {
    super(code, message, detail);
    this.name = "GuardrailError";
    this.verdicts = detail.verdicts;
  }
}
