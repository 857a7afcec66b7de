import { z } from "@hono/zod-openapi";
import { scopes } from "../../core/principal.ts";

// What `/v1/keys` takes and gives.

const positive = z.int().min(0).nullable();
const limits = z
  .strictObject({
    requests_per_minute: positive.default(null),
    tokens_per_minute: positive.default(null),
    daily_budget_micros: positive.default(null),
    monthly_budget_micros: positive.default(null),
  })
  .meta({
    id: "KeyLimits",
    description:
      "Of the key, or over all subjects of one that acts for others; null is the deployment's default. Money in micro-USD.",
  });

const onDisconnect = z
  .enum(["abort", "drain"])
  .describe("What becomes of a running model call when its client leaves: ended, or finished and kept.");

const projectId = z.string().regex(/^prj_[a-z0-9_]{1,40}$/, "is not a project id");
export const projectQuery = z.strictObject({
  project_id: projectId.optional().describe("For the bootstrap admin: another project"),
});

export const createKeyRequest = z
  .strictObject({
    name: z.string().min(1).max(100),
    scopes: z.array(z.enum(scopes)).min(1).default(["chat", "embeddings"]),
    project_id: projectId.optional().describe("Only the bootstrap admin may name another project."),
    expires_at_ms: z.int().min(1).nullable().default(null),
    limits: limits.prefault({}),
    on_disconnect: onDisconnect.default("abort"),
  })
  .meta({ id: "CreateKeyRequest" });

export const keySummary = z
  .object({
    object: z.literal("key"),
    id: z.string(),
    name: z.string(),
    project_id: z.string(),
    scopes: z.array(z.string()),
    limits,
    on_disconnect: onDisconnect,
    created_at_ms: z.int(),
    expires_at_ms: z.int().nullable(),
    revoked_at_ms: z.int().nullable(),
    rotated_from: z.string().nullable(),
  })
  .meta({ id: "Key" });
export const createdKey = keySummary
  .extend({ key: z.string().describe("The key itself. Shown once: it is not stored.") })
  .meta({ id: "CreatedKey" });

export const keyId = z.object({ id: z.string().regex(/^key_[a-z0-9]{16}$/, "is not a key id") });
