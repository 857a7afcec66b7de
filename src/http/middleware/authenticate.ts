import { createMiddleware } from "hono/factory";
import { readApiKey } from "../../core/api-key.ts";
import { AppError } from "../../core/errors.ts";
import { defaultProject, scopes, type Principal } from "../../core/principal.ts";
import type { Services } from "../../services.ts";
import type { AppEnvironment } from "../context.ts";

/** Makes the principal, in the one place where it is made, from an API key or the bootstrap admin's token. */
export const authenticate = createMiddleware<AppEnvironment>(async (c, next) => {
  const header = c.req.header("authorization") ?? "";
  const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
  if (token === undefined) {
    throw new AppError("unauthenticated", "Send your API key as `Authorization: Bearer parapet_…`.");
  }
  c.set("principal", await principalOf(token, c.get("services")));
  await next();
});

async function principalOf(token: string, { secretKeys, settings, clock }: Services): Promise<Principal> {
  const claims = await readApiKey(token, secretKeys);
  if (claims !== null && (claims.expiresAtMs === null || claims.expiresAtMs > clock())) {
    return {
      kind: "key",
      projectId: claims.projectId,
      keyId: claims.keyId,
      subject: claims.rootKeyId,
      subjectId: await secretKeys.subjectId(claims.projectId, claims.rootKeyId),
      groups: [],
      scopes: new Set(claims.scopes),
      roles: [],
    };
  }
  const adminToken = settings.PARAPET_ADMIN_TOKEN;
  if (adminToken !== undefined && (await secretKeys.equal(token, adminToken))) {
    return {
      kind: "admin",
      projectId: defaultProject,
      keyId: null,
      subject: "admin",
      subjectId: await secretKeys.subjectId(defaultProject, "admin"),
      groups: [],
      scopes: new Set(scopes),
      roles: ["admin"],
    };
  }
  // One answer for junk, a forged key and an expired one: the difference would only help who guesses.
  throw new AppError("unauthenticated", "This API key is not valid.");
}
