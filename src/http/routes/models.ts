import { createRoute, z } from "@hono/zod-openapi";
import { AppError } from "../../core/errors.ts";
import { tiers, type ModelCard } from "../../core/model.ts";
import type { App } from "../context.ts";
import { govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { errorResponses, jsonResponse, security } from "./openapi.ts";

const model = z
  .object({
    id: z.string(),
    object: z.literal("model"),
    created: z.int(),
    owned_by: z.string(),
    parapet: z
      .object({
        kind: z.enum(["chat", "embedding"]),
        tier: z.enum(tiers).nullable(),
        context_window: z.int(),
        max_output_tokens: z.int(),
        capabilities: z.array(z.string()),
        stays_at_edge: z.boolean(),
        price: z
          .object({
            input_pico_usd: z.int(),
            cached_input_pico_usd: z.int(),
            output_pico_usd: z.int(),
            source: z.string(),
          })
          .nullable()
          .describe("Pico-USD per token: 1,000,000 is $1 per million tokens. Null when the price is not known."),
      })
      .nullable()
      .describe("Null for `auto` and the tiers, which stand for several models."),
  })
  .meta({ id: "Model" });

const read = requireScope("chat");

/** `GET /v1/models`, in OpenAI's shape: `auto`, the tiers, then every model that is configured. */
export function registerModelRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/models",
      summary: "List what `model` may name",
      security,
      middleware: read,
      responses: {
        200: jsonResponse(z.object({ object: z.literal("list"), data: z.array(model) })),
        ...errorResponses,
      },
    }),
    async (c) =>
      govern(c, { action: "GET /v1/models" }, async () => {
        const cards = c.var.services.registry.list();
        const data = [...["auto", ...tiers].map((id) => renderAlias(id)), ...cards.map(renderCard)];
        return { result: c.json({ object: "list" as const, data }, 200) };
      }),
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/models/{id}",
      summary: "One model; its id is URL-encoded",
      security,
      middleware: read,
      request: { params: z.object({ id: z.string().min(1).max(256) }) },
      responses: { 200: jsonResponse(model), ...errorResponses },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      return govern(c, { action: "GET /v1/models/{id}", target: id.slice(0, 100) }, async () => {
        if (id === "auto" || tiers.some((tier) => tier === id)) return { result: c.json(renderAlias(id), 200) };
        const card = c.var.services.registry.find(id);
        if (card === null)
          throw new AppError("model_not_found", "There is no such model. GET /v1/models lists what there is.", {
            param: "id",
          });
        return { result: c.json(renderCard(card), 200) };
      });
    },
  );
}

function renderAlias(id: string): z.infer<typeof model> {
  return { id, object: "model", created: 0, owned_by: "parapet", parapet: null };
}

function renderCard(card: ModelCard): z.infer<typeof model> {
  const { price } = card;
  return {
    id: card.id,
    object: "model",
    created: 0,
    owned_by: card.provider,
    parapet: {
      kind: card.kind,
      tier: card.tier,
      context_window: card.contextWindow,
      max_output_tokens: card.maxOutputTokens,
      capabilities: [...card.capabilities],
      stays_at_edge: card.staysAtEdge,
      price:
        price === null
          ? null
          : {
              input_pico_usd: price.inputPico,
              cached_input_pico_usd: price.cachedInputPico,
              output_pico_usd: price.outputPico,
              source: price.source,
            },
    },
  };
}
