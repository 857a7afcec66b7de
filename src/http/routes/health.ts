import { createRoute, z } from "@hono/zod-openapi";
import type { App } from "../context.ts";
import { notMigrated } from "../middleware/require-migrations.ts";
import { errorResponses, jsonResponse } from "./openapi.ts";

/** `GET /healthz`: no key needed. 200 when requests can be served, 503 with what to do when they cannot. */
export function registerHealthRoute(app: App): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/healthz",
      summary: "Whether requests can be served",
      responses: {
        200: jsonResponse(z.object({ status: z.literal("ok"), environment: z.string() })),
        ...errorResponses,
      },
    }),
    async (c) => {
      const { services } = c.var;
      if (!(await services.isMigrated())) throw notMigrated();
      return c.json({ status: "ok" as const, environment: services.settings.PARAPET_ENVIRONMENT }, 200);
    },
  );
}
