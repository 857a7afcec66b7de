import { decodeJwt, errors, jwtVerify, type JWTPayload, type JWTVerifyResult } from "jose";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Scope } from "../core/principal.ts";
import { createIssuerKeys, type IssuerKeys } from "./issuer-keys.ts";
import type { JwtIssuer } from "./jwt-issuers.ts";

/** Who a token says its bearer is, and what the deployment lets such users do. */
export interface UserClaims {
  projectId: string;
  /** `user:<issuer>#<sub>`: an issuer has no `#`, so no two users of two issuers have one name. */
  subject: string;
  groups: string[];
  scopes: Scope[];
  allowedModels: readonly string[];
  allowedExtensions: readonly string[];
}

export interface UserTokens {
  /** Verifies an end user's JWT. Throws `unauthenticated` with the reason, or `identity_unavailable`. */
  verify(token: string, waitUntil: (promise: Promise<unknown>) => void): Promise<UserClaims>;
}

/** Identity providers' tokens have 1 to 4 KB, many groups included. */
const maxTokenLength = 8_192;
const maxSubjectLength = 256;
const maxGroups = 200;
/** What says that a token grants access or names a user; logout tokens, DPoP proofs and the like are signed by the same keys. */
const tokenTypes = new Set(["jwt", "at+jwt"]);

/** Three parts in base64url: what no API key looks like. */
export function looksLikeJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token);
}

/** Takes the tokens of the configured issuers, and of no other. The issuer selects its entry, keys and rules at once. */
export function createUserTokens(
  issuers: readonly JwtIssuer[],
  { clock, fetch }: { clock: Clock; fetch: typeof globalThis.fetch },
): UserTokens {
  const known = new Map<string, { issuer: JwtIssuer; keys: IssuerKeys }>();
  for (const issuer of issuers) {
    known.set(issuer.issuer, { issuer, keys: createIssuerKeys(issuer.jwksUrl, { clock, fetch }) });
  }

  return {
    async verify(token, waitUntil) {
      if (token.length > maxTokenLength) throw refused("it is too long");
      const entry = known.get(claimedIssuer(token));
      if (entry === undefined) throw refused("its issuer is not one of this deployment's");
      const { issuer, keys } = entry;
      const { payload, protectedHeader } = await verifyWith(token, {
        issuer,
        find: (header) => keys.find(header, waitUntil),
        now: new Date(clock()),
      });
      const type = protectedHeader.typ?.toLowerCase().replace(/^application\//, "");
      if (type !== undefined && !tokenTypes.has(type))
        throw refused("it is of another type than an access or ID token");
      return toClaims(payload, issuer);
    },
  };
}

/** Of a token that is not verified yet: good for the choice of an entry, and checked again with the signature. */
function claimedIssuer(token: string): string {
  try {
    return decodeJwt(token).iss ?? "";
  } catch {
    throw refused("it is malformed");
  }
}

async function verifyWith(
  token: string,
  {
    issuer,
    find,
    now,
  }: { issuer: JwtIssuer; find: (header: { alg?: string; kid?: string }) => Promise<CryptoKey>; now: Date },
): Promise<JWTVerifyResult> {
  try {
    // The key is looked up in the issuer's own set alone: what the header brings (`jwk`, `jku`, `x5u`, `x5c`) is never looked at.
    return await jwtVerify(token, find, {
      algorithms: [...issuer.algorithms],
      issuer: issuer.issuer,
      audience: issuer.audience,
      requiredClaims: ["exp", "sub"],
      clockTolerance: issuer.clockToleranceS,
      currentDate: now,
      ...(issuer.maxAgeS === undefined ? {} : { maxTokenAge: issuer.maxAgeS }),
    });
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw refused(reasonOf(cause), cause);
  }
}

/** Claims are only looked at when the signature is right, so that their faults may be named. */
function reasonOf(cause: unknown): string {
  if (cause instanceof errors.JWTExpired) return "it has expired";
  if (cause instanceof errors.JWTClaimValidationFailed)
    return `its \`${cause.claim}\` is missing or not the one expected`;
  return "its signature does not verify";
}

function toClaims(payload: JWTPayload, issuer: JwtIssuer): UserClaims {
  const { sub } = payload;
  // A lone surrogate would be hashed as U+FFFD, as would any other: two users with one name.
  if (typeof sub !== "string" || sub === "" || sub.length > maxSubjectLength || !sub.isWellFormed())
    throw refused("its `sub` must be a text of 1 to 256 characters");
  const { scopesClaim, groupsClaim } = issuer;
  const named = scopesClaim === undefined ? null : readList(payload, scopesClaim);
  return {
    projectId: issuer.projectId,
    subject: `user:${issuer.issuer}#${sub}`,
    groups: groupsClaim === undefined ? [] : readList(payload, groupsClaim).slice(0, maxGroups),
    scopes: named === null ? issuer.scopes : issuer.scopes.filter((scope) => named.includes(scope)),
    allowedModels: issuer.allowedModels,
    allowedExtensions: issuer.allowedExtensions,
  };
}

/** A list, or a text separated by spaces (RFC 8693's `scope`). What is missing or of another form grants nothing. */
function readList(payload: JWTPayload, claim: string): string[] {
  const value: unknown = Object.hasOwn(payload, claim) ? payload[claim] : undefined;
  if (typeof value === "string") return value.split(" ").filter((item) => item !== "");
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is string => typeof item === "string" && item !== "" && item.length <= 256);
}

function refused(reason: string, cause?: unknown): AppError {
  return new AppError("unauthenticated", `This token is not valid: ${reason}.`, { cause });
}
