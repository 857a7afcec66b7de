import { createRoute, z } from "@hono/zod-openapi";
import { tiers, type ModelCard } from "../../core/model.ts";
import type { TokenPrice, TokenRates } from "../../core/money.ts";
import { mayName } from "../../core/refuse-disallowed.ts";
import { modelNotFound } from "../../gateway/model-not-found.ts";
import type { App } from "../context.ts";
import { govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { errorResponses, jsonResponse, security } from "./openapi.ts";

const rates = {
  input_pico_usd: z.int(),
  cached_input_pico_usd: z.int(),
  output_pico_usd: z.int(),
  cache_write_input_pico_usd: z.int().optional(),
  long_cache_write_input_pico_usd: z.int().optional(),
  audio_input_pico_usd: z.int().optional(),
};

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
            ...rates,
            above: z
              .object({ input_tokens: z.int(), ...rates })
              .optional()
              .describe("Rates of a whole request whose prompt has more tokens than this."),
            source: z.string(),
            read_on: z.iso.date().nullable().describe("The day the price was read; null where a setting gives it."),
          })
          .nullable()
          .describe("Pico-USD per token: 1,000,000 is $1 per million tokens. Null when the price is not known."),
        next_prices: z
          .array(z.object({ from: z.iso.datetime(), input_pico_usd: z.int(), output_pico_usd: z.int() }))
          .optional()
          .describe("Prices that the vendor has announced."),
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
        const all = [...["auto", ...tiers].map((id) => renderAlias(id)), ...cards.map(renderCard)];
        const data = all.filter(({ id }) => mayName(c.var.principal, id));
        return { result: c.json({ object: "list" as const, data }, 200) };
      }),
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/models/{id}",
      summary: "One model, by its URL-encoded id or by its name alone",
      security,
      middleware: read,
      request: { params: z.object({ id: z.string().min(1).max(256) }) },
      responses: { 200: jsonResponse(model), ...errorResponses },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      return govern(c, { action: "GET /v1/models/{id}", target: id.slice(0, 100) }, async () => {
        const { registry } = c.var.services;
        const card = registry.find(id);
        const isHidden = !mayName(c.var.principal, card?.id ?? id);
        if (!isHidden && (id === "auto" || tiers.some((tier) => tier === id)))
          return { result: c.json(renderAlias(id), 200) };
        if (card === null || isHidden) {
          const visible = registry.list().filter((offered) => mayName(c.var.principal, offered.id));
          throw modelNotFound(id, "id", visible);
        }
        return { result: c.json(renderCard(card), 200) };
      });
    },
  );
}

function renderAlias(id: string): z.infer<typeof model> {
  return { id, object: "model", created: 0, owned_by: "parapet", parapet: null };
}

function renderCard(card: ModelCard): z.infer<typeof model> {
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
      price: card.price === null ? null : renderPrice(card.price),
      ...(card.nextPrices === undefined
        ? {}
        : {
            next_prices: card.nextPrices.map(({ fromMs, price }) => ({
              from: new Date(fromMs).toISOString(),
              input_pico_usd: price.inputPico,
              output_pico_usd: price.outputPico,
            })),
          }),
    },
  };
}

function renderPrice({ above, source, readOn, ...base }: TokenPrice) {
  return {
    ...renderRates(base),
    ...(above === undefined ? {} : { above: { input_tokens: above.inputTokens, ...renderRates(above) } }),
    source,
    read_on: readOn ?? null,
  };
}

function renderRates(price: TokenRates) {
  const { cacheWriteInputPico, longCacheWriteInputPico, audioInputPico } = price;
  return {
    input_pico_usd: price.inputPico,
    cached_input_pico_usd: price.cachedInputPico,
    output_pico_usd: price.outputPico,
    ...(cacheWriteInputPico === undefined ? {} : { cache_write_input_pico_usd: cacheWriteInputPico }),
    ...(longCacheWriteInputPico === undefined ? {} : { long_cache_write_input_pico_usd: longCacheWriteInputPico }),
    ...(audioInputPico === undefined ? {} : { audio_input_pico_usd: audioInputPico }),
  };
}
