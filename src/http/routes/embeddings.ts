import { createRoute, z } from "@hono/zod-openapi";
import { actAs } from "../../core/act-as.ts";
import { parapetRequest } from "../../core/parapet-extension.ts";
import { embedInputs } from "../../gateway/embed-inputs.ts";
import type { App } from "../context.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { requestScope } from "../request-scope.ts";
import { errorResponses, jsonBody, jsonResponse, security } from "./openapi.ts";

/** OpenAI's own limit of inputs in one request. */
const maxInputs = 2048;

const embeddingsRequest = z
  .strictObject({
    model: z.string().min(1).max(256),
    input: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(maxInputs)], {
      error: ({ input }) => describeInput(input),
    }),
    encoding_format: z.enum(["float", "base64"]).default("float"),
    dimensions: z
      .int()
      .min(1)
      .optional()
      .describe("The size of the vectors, of models that have several; others refuse it."),
    user: z.string().optional().describe("Stays here: the audit log has the key and subject."),
    parapet: parapetRequest.omit({ collection: true, latency_critical: true, requires_reasoning: true }).optional(),
  })
  .meta({ id: "EmbeddingsRequest" });

/** What is wrong with an `input`, in words a caller can act on. */
function describeInput(input: unknown): string {
  const items: unknown[] = Array.isArray(input) ? input : [];
  // OpenAI takes arrays of its own tokenizer's numbers.
  if (items.some((item) => typeof item === "number" || Array.isArray(item)))
    return "must be text: tokens of one model's tokenizer mean nothing to another's, and cannot be screened";
  if (items.length > maxInputs) return `must have at most ${maxInputs} texts`;
  return "must be a text or a list of texts";
}

const embeddingsResponse = z
  .object({
    object: z.literal("list"),
    data: z.array(
      z.object({
        object: z.literal("embedding"),
        index: z.int(),
        embedding: z.union([z.array(z.number()), z.string().describe("Base64 of little-endian float32")]),
      }),
    ),
    model: z.string(),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .meta({ id: "EmbeddingsResponse" });

/** `POST /v1/embeddings`, in OpenAI's wire format. */
export function registerEmbeddingRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/embeddings",
      summary: "Embed texts",
      security,
      middleware: requireScope("embeddings"),
      request: { body: jsonBody(embeddingsRequest) },
      responses: { 200: jsonResponse(embeddingsResponse), ...errorResponses },
    }),
    async (c) => {
      const body = c.req.valid("json");
      const { services } = c.var;
      const principal = await actAs(c.var.principal, body.parapet?.subject, services.secretKeys);
      const inputs = typeof body.input === "string" ? [body.input] : body.input;
      const { card, vectors, usage, costMicros } = await embedInputs(
        {
          model: body.model,
          inputs,
          ...(body.dimensions === undefined ? {} : { dimensions: body.dimensions }),
          extension: body.parapet,
        },
        requestScope(c, principal, "embeddings"),
        services.gateway,
      );
      c.header("x-parapet-model", card.id);
      c.header("x-parapet-cost", String(costMicros));
      c.header("x-parapet-cache", "none");
      const data = vectors.map((vector, index) => ({
        object: "embedding" as const,
        index,
        embedding: body.encoding_format === "base64" ? toBase64Floats(vector) : vector,
      }));
      const tokens = { prompt_tokens: usage.inputTokens, total_tokens: usage.inputTokens };
      return c.json({ object: "list" as const, data, model: card.id, usage: tokens }, 200);
    },
  );
}

function toBase64Floats(vector: number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString("base64");
}
