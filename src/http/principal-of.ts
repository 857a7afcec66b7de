import { readApiKey } from "../core/api-key.ts";
import { AppError } from "../core/errors.ts";
import { defaultProject, scopes, type Principal } from "../core/principal.ts";
import { looksLikeJwt } from "../identity/user-tokens.ts";
import type { Services } from "../services.ts";

/** What is needed of the services to know a caller. */
type Known = Pick<Services, "secretKeys" | "settings" | "clock" | "userTokens">;

/**
 * Makes the principal, in the one place where it is made: from an API key, an end user's JWT or the bootstrap admin's token.
 * Throws `unauthenticated`, or `identity_unavailable` while an issuer's keys cannot be had.
 */
export async function principalOf(
  token: string,
  known: Known,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<Principal> {
  const { secretKeys, clock, userTokens } = known;
  const claims = await readApiKey(token, secretKeys);
  if (claims !== null && (claims.expiresAtMs === null || claims.expiresAtMs > clock())) {
    return {
      kind: "key",
      projectId: claims.projectId,
      keyId: claims.keyId,
      rootKeyId: claims.rootKeyId,
      subject: claims.rootKeyId,
      subjectId: await secretKeys.subjectId(claims.projectId, claims.rootKeyId),
      groups: [],
      scopes: new Set(claims.scopes),
      roles: [],
      allowedModels: null,
      allowedExtensions: null,
      onDisconnect: claims.onDisconnect,
    };
  }
  const admin = await adminOf(token, known);
  if (admin !== null) return admin;
  if (userTokens !== null && looksLikeJwt(token)) {
    const user = await userTokens.verify(token, waitUntil);
    return {
      kind: "user",
      projectId: user.projectId,
      keyId: null,
      rootKeyId: null,
      subject: user.subject,
      subjectId: await secretKeys.subjectId(user.projectId, user.subject),
      groups: user.groups,
      scopes: new Set(user.scopes),
      roles: [],
      allowedModels: user.allowedModels,
      allowedExtensions: user.allowedExtensions,
      onDisconnect: "abort",
    };
  }
  // One answer for junk, a forged key and an expired one: the difference would only help who guesses.
  throw new AppError("unauthenticated", "This API key is not valid.");
}

async function adminOf(token: string, { secretKeys, settings }: Known): Promise<Principal | null> {
  const adminToken = settings.PARAPET_ADMIN_TOKEN;
  if (adminToken === undefined || !(await secretKeys.equal(token, adminToken))) return null;
  return {
    kind: "admin",
    projectId: defaultProject,
    keyId: null,
    rootKeyId: null,
    subject: "admin",
    subjectId: await secretKeys.subjectId(defaultProject, "admin"),
    groups: [],
    scopes: new Set(scopes),
    roles: ["admin"],
    allowedModels: null,
    allowedExtensions: null,
    onDisconnect: "abort",
  };
}
