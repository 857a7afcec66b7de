import { AppError } from "./errors.ts";
import type { Principal } from "./principal.ts";
import type { SecretKeys } from "./secret-keys.ts";

/** The principal for the subject that a request's body names; naming another than oneself needs the scope `act_as`. */
export async function actAs(principal: Principal, subject: string | undefined, keys: SecretKeys): Promise<Principal> {
  if (subject === undefined || subject === principal.subject) return principal;
  if (!principal.scopes.has("act_as")) {
    throw new AppError("forbidden", "To act for another subject, a key needs the scope `act_as`.", {
      param: "parapet.subject",
    });
  }
  // A lone surrogate would be hashed as U+FFFD, as would any other: two subjects with one name.
  if (!subject.isWellFormed()) {
    throw new AppError("invalid_request", "parapet.subject: is not well-formed Unicode.", { param: "parapet.subject" });
  }
  // A subject that looks like a key's own, or the system's, would share its limits and content.
  if (/^(?:key_|system:)/.test(subject) || subject === "admin") {
    throw new AppError(
      "invalid_request",
      "parapet.subject: names that start with `key_` or `system:`, and `admin`, are reserved.",
      {
        param: "parapet.subject",
      },
    );
  }
  return { ...principal, subject, subjectId: await keys.subjectId(principal.projectId, subject) };
}
