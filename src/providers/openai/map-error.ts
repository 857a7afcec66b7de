import type { WireError } from "../openai-compatible/wire.ts";

const imageCodes =
  /^(?:invalid_image|invalid_base64_image|image_|empty_image|unsupported_image|failed_to_download_image)/;
const policyCodes = new Set(["bio_policy", "misalignment_policy_violation", "image_content_policy_violation"]);

/**
 * The error of a failed response in the words of chat completions, in which mapErrorBody classes it: an image that cannot be read
 * is the caller's mistake, a policy is a filter, and both would only fail again.
 */
export function nameResponseError(error: WireError): WireError {
  const code = String(error.code ?? "");
  if (policyCodes.has(code)) return { ...error, code: "content_filter" };
  return imageCodes.test(code) ? { ...error, type: "invalid_request_error" } : error;
}
