import { createRoute } from "@hono/zod-openapi";
import { chatRequest } from "../../core/chat.ts";
import { actAs } from "../../core/act-as.ts";
import { complete } from "../../gateway/complete.ts";
import { streamCompletion } from "../../gateway/stream-completion.ts";
import type { App } from "../context.ts";
import { completionHeaders, streamHeaders } from "../model-headers.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { chatCompletion, renderCompletion } from "../render-completion.ts";
import { renderStream } from "../render-stream.ts";
import { requestScope } from "../request-scope.ts";
import { errorResponses, jsonBody, security } from "./openapi.ts";

/** `POST /v1/chat/completions`, in OpenAI's wire format, streaming and not. */
export function registerChatRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/chat/completions",
      summary: "Answer a conversation",
      security,
      middleware: requireScope("chat"),
      request: { body: jsonBody(chatRequest) },
      responses: {
        200: {
          description: "A completion, or with `stream: true` server-sent events",
          content: {
            "application/json": { schema: chatCompletion },
            "text/event-stream": { schema: { type: "string" } },
          },
        },
        ...errorResponses,
      },
    }),
    async (c) => {
      const request = c.req.valid("json");
      const { services } = c.var;
      const principal = await actAs(c.var.principal, request.parapet?.subject, services.secretKeys);
      const scope = requestScope(c, principal, "chat.completions");
      if (request.stream !== true) {
        const completion = await complete(request, scope, services.gateway);
        return c.json(renderCompletion(completion), 200, completionHeaders(completion));
      }
      const streamed = await streamCompletion(request, scope, services.gateway);
      const body = renderStream(streamed, {
        includeUsage: request.stream_options?.include_usage === true,
        requestId: c.var.requestId,
      });
      return new Response(body, { headers: streamHeaders(streamed) });
    },
  );
}
