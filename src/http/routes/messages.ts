import { createRoute, z } from "@hono/zod-openapi";
import { actAs } from "../../core/act-as.ts";
import { complete } from "../../gateway/complete.ts";
import { measurePrompt } from "../../gateway/estimate-tokens.ts";
import { streamCompletion } from "../../gateway/stream-completion.ts";
import type { App } from "../context.ts";
import { govern } from "../govern.ts";
import { messageObject, renderMessage } from "../messages/render-message.ts";
import { renderMessageStream } from "../messages/render-stream.ts";
import { countTokensRequest, messagesRequest } from "../messages/request.ts";
import { promptOf, toChatRequest } from "../messages/to-chat-request.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { completionHeaders, streamHeaders } from "../model-headers.ts";
import { requestScope } from "../request-scope.ts";
import { anthropicErrorResponses, jsonBody, jsonResponse, security } from "./openapi.ts";

/** `/v1/messages`: Anthropic's Messages API, over the same gateway as chat completions. */
export function registerMessageRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/messages",
      summary: "Answer a conversation, in Anthropic's format",
      security,
      middleware: requireScope("chat"),
      request: { body: jsonBody(messagesRequest) },
      responses: {
        200: {
          description: "A message, or with `stream: true` server-sent events",
          content: {
            "application/json": { schema: messageObject },
            "text/event-stream": { schema: { type: "string" } },
          },
        },
        ...anthropicErrorResponses,
      },
    }),
    async (c) => {
      const request = c.req.valid("json");
      const { services, requestId } = c.var;
      const principal = await actAs(c.var.principal, request.parapet?.subject, services.secretKeys);
      const chat = toChatRequest(request, services.registry.find);
      const scope = requestScope(c, principal, "messages");
      // Under this name Anthropic's clients look for it.
      const named = { "request-id": requestId };

      if (request.stream === true) {
        const streamed = await streamCompletion(chat, scope, services.gateway);
        const promptTokens = measurePrompt(chat).expected;
        return new Response(renderMessageStream(streamed, { requestId, promptTokens }), {
          headers: { ...streamHeaders(streamed), ...named },
        });
      }

      const completion = await complete(chat, scope, services.gateway);
      return c.json(renderMessage(completion), 200, { ...completionHeaders(completion), ...named });
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/messages/count_tokens",
      summary: "About how many tokens a prompt has; nothing is called and nothing is charged",
      security,
      middleware: requireScope("chat"),
      request: { body: jsonBody(countTokensRequest) },
      responses: { 200: jsonResponse(z.object({ input_tokens: z.int() })), ...anthropicErrorResponses },
    }),
    async (c) =>
      govern(c, { action: "POST /v1/messages/count_tokens" }, async () => {
        const prompt = promptOf(c.req.valid("json"), c.var.services.registry.find);
        const headers = { "request-id": c.var.requestId };
        return { result: c.json({ input_tokens: measurePrompt(prompt).expected }, 200, headers) };
      }),
  );
}
