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
] as const;
export type Scope = (typeof scopes)[number];

/** The project of a deployment that has made no other. */
export const defaultProject = "prj_default";

/** Who is asking, made in one place from a key or the bootstrap secret. */
export interface Principal {
  kind: "key" | "admin" | "system";
  projectId: string;
  keyId: string | null;
  /** The end user on whose behalf the call runs; a key without `act_as` is its own subject. Never logged: rows carry `subjectId`. */
  subject: string;
  /** HMAC of the subject under the deployment's secret, e.g. `sub_3f9a…`. */
  subjectId: string;
  groups: readonly string[];
  scopes: ReadonlySet<Scope>;
  roles: readonly string[];
}
