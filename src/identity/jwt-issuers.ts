import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { parapetRequest } from "../core/parapet-extension.ts";
import { defaultProject, scopes } from "../core/principal.ts";

/**
 * Asymmetric signatures alone: with a shared secret, whoever may verify may also sign, and a public key taken for such a secret is
 * the classic confusion (RFC 8725, section 2.1).
 */
const jwtAlgorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

/** No app may speak for others, or make keys, which know nothing of its users' lists. */
const grantable = scopes.filter((scope) => scope !== "act_as" && scope !== "keys:write");
const extensions = Object.keys(parapetRequest.shape).filter((name) => name !== "subject");

const claimName = z.string().min(1).max(256);

const issuer = z.strictObject({
  /** Compared character by character with `iss`. Neither a space nor `#`: it is the first part of the subject's name. */
  issuer: z
    .string()
    .min(1)
    .max(512)
    .regex(/^[^\s#]+$/, "must have no spaces and no #"),
  jwksUrl: z.url({ protocol: /^https?$/ }).refine(isSecure, "must be https, except on this machine"),
  audience: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(20)]),
  algorithms: z.array(z.enum(jwtAlgorithms)).min(1).default(["RS256", "ES256"]),
  projectId: z
    .string()
    .regex(/^prj_[\w-]{1,60}$/)
    .default(defaultProject),
  scopes: z.array(z.enum(grantable)).default(["chat"]),
  /** A claim that lists scopes, as a list or separated by spaces; a user has those of `scopes` that it names. */
  scopesClaim: claimName.optional(),
  /** A claim that lists the user's groups. */
  groupsClaim: claimName.optional(),
  /** `auto`, a tier, `provider/*` or `provider/model`. */
  allowedModels: z
    .array(z.string().regex(/^(?:auto|fast|standard|reasoning|[a-z0-9-]+\/(?:\*|[^*\s]+))$/, "is no model pattern"))
    .default(["auto"]),
  /** Fields of `parapet` that a user may send; the default ones can only narrow what a request may do. */
  allowedExtensions: z
    .array(z.string().refine((name) => extensions.includes(name), `must be one of ${extensions.join(", ")}`))
    .default(["sensitive", "budget"]),
  clockToleranceS: z.int().min(0).max(300).default(30),
  /** The greatest age of a token in seconds, counted from its `iat`; without it `exp` alone decides. */
  maxAgeS: z.int().min(1).optional(),
});

/** An identity provider whose tokens a deployment takes, and what their users may do. */
export type JwtIssuer = z.infer<typeof issuer>;

// One issuer, one entry: with two, the order of a list would decide what a user may do.
const issuers = z
  .array(issuer)
  .max(20)
  .refine((list) => new Set(list.map((entry) => entry.issuer)).size === list.length, "names an issuer twice");

/** Reads the setting PARAPET_JWT_ISSUERS: a JSON list. Throws `not_ready` with what is wrong; unset is an empty list. */
export function parseJwtIssuers(setting: string | undefined): JwtIssuer[] {
  if (setting === undefined || setting.trim() === "") return [];
  const parsed = issuers.safeParse(readJson(setting));
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 3);
  const reasons = issues.map((issue) => `${issue.path.join(".") || "the list"} ${issue.message}`).join("; ");
  throw new AppError("not_ready", `PARAPET_JWT_ISSUERS is not valid: ${reasons}.`);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("not_ready", "PARAPET_JWT_ISSUERS is not valid JSON.");
  }
}

function isSecure(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || hostname === "127.0.0.1" || hostname === "localhost";
}
