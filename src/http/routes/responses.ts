import { createRoute, z } from "@hono/zod-openapi";
import { actAs } from "../../core/act-as.ts";
import { AppError } from "../../core/errors.ts";
import { newResponseId, newSessionName, sessionOfResponse } from "../../core/response-id.ts";
import type { Principal } from "../../core/principal.ts";
import { complete } from "../../gateway/complete.ts";
import { streamCompletion } from "../../gateway/stream-completion.ts";
import type { App, AppContext } from "../context.ts";
import { govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { completionHeaders, streamHeaders } from "../model-headers.ts";
import { requestScope } from "../request-scope.ts";
import { inputItemList, listInputItems } from "../responses/list-input-items.ts";
import { loadConversation, type Conversation } from "../responses/load-conversation.ts";
import { outputItems } from "../responses/output-items.ts";
import {
  closeResponse,
  openResponse,
  presentResponse,
  responseObject,
  type ResponseHead,
} from "../responses/render-response.ts";
import { renderResponseStream } from "../responses/render-stream.ts";
import { includeList, responsesRequest, type ResponsesRequest } from "../responses/request.ts";
import { createResponseKeeper, identifyItems, type ResponseKeeper } from "../responses/response-keeper.ts";
import { toChatRequest } from "../responses/to-chat-request.ts";
import { errorResponses, jsonBody, jsonResponse, security } from "./openapi.ts";

const responseId = z.object({ id: z.string().min(1).max(256) });
/** `include[]=a` is how OpenAI's clients write a list in a URL. */
const include = z.union([includeList, includeList.element.transform((one) => [one])]).optional();
/** Whose response it is; naming another subject needs the scope `act_as`. */
const subject = z.string().min(1).max(256).optional();

/** `/v1/responses`: OpenAI's Responses API, over the same gateway as chat completions, with conversations that are kept. */
export function registerResponseRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/responses",
      summary: "Answer a conversation, and keep it to be continued",
      security,
      middleware: requireScope("chat"),
      request: { body: jsonBody(responsesRequest) },
      responses: {
        200: {
          description: "A response, or with `stream: true` server-sent events",
          content: {
            "application/json": { schema: responseObject },
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
      const keeper = createResponseKeeper(principal, services);
      const conversation = await findConversation(c, request, keeper);
      const chat = toChatRequest(request, conversation);
      const session = sessionOfResponse(request.previous_response_id ?? "") ?? newSessionName();
      const head: Omit<ResponseHead, "createdMs" | "model"> = {
        id: newResponseId(session),
        session,
        store: request.store !== false && keeper.keeps,
        request,
      };
      const input = identifyItems(conversation.items, session);
      const scope = requestScope(c, principal, "responses");

      if (request.stream === true) {
        const streamed = await streamCompletion(chat, scope, services.gateway);
        const { createdMs, model } = streamed;
        const body = renderResponseStream(streamed, {
          head: { ...head, createdMs, model },
          requestId: c.var.requestId,
          nowMs: services.clock,
          keep: (response) => keeper.keep(session, { input, response }),
        });
        return new Response(body, { headers: streamHeaders(streamed) });
      }

      const completion = await complete(chat, scope, services.gateway);
      const { answer, createdMs, parapet } = completion;
      const response = closeResponse(openResponse({ ...head, createdMs, model: answer.model }), {
        finishReason: answer.finishReason,
        output: outputItems(answer, session),
        usage: answer.usage,
        parapet,
        completedMs: services.clock(),
      });
      const store = response.store && (await keeper.keep(session, { input, response }));
      return c.json(presentResponse({ ...response, store }, request.include), 200, completionHeaders(completion));
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/responses/{id}",
      summary: "A kept response",
      security,
      middleware: requireScope("chat"),
      request: {
        params: responseId,
        query: z.strictObject({
          include,
          "include[]": include,
          subject,
          stream: z.literal("false", "a kept response is not streamed again").optional(),
        }),
      },
      responses: { 200: jsonResponse(responseObject), ...errorResponses },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const query = c.req.valid("query");
      return govern(c, { action: "GET /v1/responses/{id}", target: id }, async () => {
        const { response } = await (await keeperOf(c, query.subject)).load(id);
        return { result: c.json(presentResponse(response, query["include[]"] ?? query.include), 200) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/responses/{id}/input_items",
      summary: "What a kept response was asked with, without the turns before it",
      security,
      middleware: requireScope("chat"),
      request: {
        params: responseId,
        query: z.strictObject({
          limit: z.coerce.number().int().min(1).max(100).default(20),
          order: z.enum(["asc", "desc"]).default("desc"),
          after: z.string().min(1).max(256).optional(),
          include,
          "include[]": include,
          subject,
        }),
      },
      responses: { 200: jsonResponse(inputItemList), ...errorResponses },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const { limit, order, after, ...query } = c.req.valid("query");
      return govern(c, { action: "GET /v1/responses/{id}/input_items", target: id }, async () => {
        const { input } = await (await keeperOf(c, query.subject)).load(id);
        const isEncryptedIncluded = (query["include[]"] ?? query.include ?? []).includes("reasoning.encrypted_content");
        return { result: c.json(listInputItems(input, { limit, order, after, isEncryptedIncluded }), 200) };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "delete",
      path: "/v1/responses/{id}",
      summary: "Forget a response; what continued it stays, and can no longer be continued",
      security,
      middleware: requireScope("chat"),
      request: { params: responseId, query: z.strictObject({ subject }) },
      responses: {
        200: jsonResponse(z.object({ id: z.string(), object: z.literal("response"), deleted: z.literal(true) })),
        ...errorResponses,
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const query = c.req.valid("query");
      return govern(c, { action: "DELETE /v1/responses/{id}", target: id }, async () => {
        await (await keeperOf(c, query.subject)).remove(id);
        return { result: c.json({ id, object: "response" as const, deleted: true as const }, 200) };
      });
    },
  );
}

async function keeperOf(c: AppContext, named: string | undefined): Promise<ResponseKeeper> {
  const { services } = c.var;
  const principal: Principal = await actAs(c.var.principal, named, services.secretKeys);
  return createResponseKeeper(principal, services);
}

/**
 * What a request continues. What is not there is refused under a hold: a key that is revoked or over its limits must not find
 * out which responses there are, and guesses count against the limits.
 */
async function findConversation(
  c: AppContext,
  request: ResponsesRequest,
  keeper: ResponseKeeper,
): Promise<Conversation> {
  try {
    return await loadConversation(request, keeper);
  } catch (cause) {
    if (!(cause instanceof AppError) || cause.code !== "not_found") throw cause;
    return govern<Conversation>(c, { action: "responses", target: request.previous_response_id ?? null }, () => {
      throw cause;
    });
  }
}
