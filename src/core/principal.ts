/** What a key may do. The order is part of the key format (a bit each): only ever append. */
export const scopes = [
  "chat",
  "embeddings",
  "act_as",
  "collections:read",
  "collections:write",
  "usage:read",
  "audit:read",
  "traces:read",
  "content:read",
  "keys:write",
  "evals:run",
  "budgets:write",
] as const;
export type Scope = (typeof scopes)[number];

/** What becomes of a running model call when its client leaves: ended, or finished and kept. */
export type OnDisconnect = "abort" | "drain";

/** The project of a deployment that has made no other. */
export const defaultProject = "prj_default";

/** Who is asking, made in one place from a key or the bootstrap secret. */
export interface Principal {
  /** `user`: an end user with a JWT of the team's own identity provider. */
  kind: "key" | "admin" | "system" | "user";
  projectId: string;
  keyId: string | null;
  /** The first of the key's line of rotations: whose limits these are. */
  rootKeyId: string | null;
  /** The end user on whose behalf the call runs; a key without `act_as` is its own subject. Never logged: rows carry `subjectId`. */
  subject: string;
  /** HMAC of the subject under the deployment's secret, e.g. `sub_3f9a…`. */
  subjectId: string;
  groups: readonly string[];
  scopes: ReadonlySet<Scope>;
  roles: readonly string[];
  /** What the caller may ask for at all; `null` is no restriction. An app's users get lists, a key none. */
  allowedModels: readonly string[] | null;
  allowedExtensions: readonly string[] | null;
  /** What a request that says nothing of it gets. */
  onDisconnect: OnDisconnect;
}
