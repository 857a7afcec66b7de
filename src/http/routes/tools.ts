import { createRoute, z } from "@hono/zod-openapi";
import { toolDefinition } from "../../core/chat.ts";
import { toolsFromOpenApi } from "../../tools/openapi-tools.ts";
import type { App } from "../context.ts";
import { govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { errorResponses, jsonBody, jsonResponse, security } from "./openapi.ts";

const openApiTools = z
  .strictObject({
    spec: z.record(z.string(), z.unknown()).describe("An OpenAPI 3 document, as JSON. Nothing is fetched."),
    operations: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(128)
      .optional()
      .describe("The operations to take, by the names their tools get. All by default."),
  })
  .meta({ id: "OpenApiToolsRequest" });

const openApiTool = z
  .object({
    tool: toolDefinition.describe("As `tools` of a chat completion takes it."),
    method: z.string(),
    url: z.string().describe("Where the call leads; `path` arguments fill its braces."),
  })
  .meta({ id: "OpenApiTool" });

/** `POST /v1/tools/openapi`: the operations of an API as tools. The caller runs them, with its own credentials. */
export function registerToolRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/tools/openapi",
      summary: "Turn an OpenAPI document into tools",
      security,
      middleware: requireScope("chat"),
      request: { body: jsonBody(openApiTools) },
      responses: {
        200: jsonResponse(z.object({ object: z.literal("list"), data: z.array(openApiTool) })),
        ...errorResponses,
      },
    }),
    async (c) =>
      govern(c, { action: "POST /v1/tools/openapi" }, async () => {
        const { spec, operations } = c.req.valid("json");
        const data = await toolsFromOpenApi(spec, { operations });
        return { result: c.json({ object: "list" as const, data }, 200) };
      }),
  );
}
