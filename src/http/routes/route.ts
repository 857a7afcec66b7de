import { createRoute, z } from "@hono/zod-openapi";
import { actAs } from "../../core/act-as.ts";
import { chatRequest } from "../../core/chat.ts";
import { tiers } from "../../core/model.ts";
import { explainRoute, type RouteExplanation } from "../../gateway/plan-route.ts";
import type { App } from "../context.ts";
import { govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { errorResponses, jsonBody, jsonResponse, security } from "./openapi.ts";

const explanation = z
  .object({
    tier: z.enum(tiers).nullable(),
    model: z.string().describe("The model that would be called first."),
    reason: z.string(),
    score: z
      .number()
      .nullable()
      .describe("What a strong model is expected to gain on the last user message; null where it had no part."),
    threshold: z.number().nullable().describe("What the score was held against."),
    candidates: z.array(
      z.object({
        model: z.string(),
        tier: z.enum(tiers).nullable(),
        max_output_tokens: z.int(),
        bound_micros: z.int().describe("The most the call can cost, in micro-USD."),
      }),
    ),
    obstacles: z
      .array(z.object({ model: z.string(), code: z.string(), message: z.string() }))
      .describe("The models that cannot serve the request, and why."),
  })
  .meta({ id: "RouteExplanation" });

/** `POST /v1/route`: the decision a chat completion would meet, without calling anything. */
export function registerRouteRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/route",
      summary: "Explain which model a conversation would be answered by",
      security,
      middleware: requireScope("chat"),
      request: { body: jsonBody(chatRequest) },
      responses: { 200: jsonResponse(explanation), ...errorResponses },
    }),
    async (c) => {
      const request = c.req.valid("json");
      const { services } = c.var;
      const principal = await actAs(c.var.principal, request.parapet?.subject, services.secretKeys);
      return govern(c, { action: "POST /v1/route", principal }, async () => ({
        result: c.json(render(explainRoute(request, principal, services.gateway)), 200),
      }));
    },
  );
}

function render({ plan, obstacles }: RouteExplanation): z.infer<typeof explanation> {
  const { tier, candidates, reason, score, threshold } = plan;
  return {
    tier,
    model: candidates[0].card.id,
    reason,
    score,
    threshold,
    candidates: candidates.map(({ card, maxOutputTokens, boundMicros }) => ({
      model: card.id,
      tier: card.tier,
      max_output_tokens: maxOutputTokens,
      bound_micros: boundMicros,
    })),
    obstacles: obstacles.map(({ card, obstacle }) => ({
      model: card.id,
      code: obstacle.code,
      message: obstacle.message,
    })),
  };
}
