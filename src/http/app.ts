import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { AppError } from "../core/errors.ts";
import type { Services } from "../services.ts";
import type { App, AppEnvironment } from "./context.ts";
import { errorResponse, invalidRequest } from "./error-response.ts";
import { authenticate } from "./middleware/authenticate.ts";
import { requireMigrations } from "./middleware/require-migrations.ts";
import { traceRequest } from "./middleware/trace-request.ts";
import { registerAuditRoutes } from "./routes/audit.ts";
import { registerChatRoutes } from "./routes/chat.ts";
import { registerCollectionRoutes } from "./routes/collections.ts";
import { registerDocumentRoutes } from "./routes/documents.ts";
import { registerEmbeddingRoutes } from "./routes/embeddings.ts";
import { registerEvalRoutes } from "./routes/evals.ts";
import { registerHealthRoute } from "./routes/health.ts";
import { registerKeyRoutes } from "./routes/keys.ts";
import { registerModelRoutes } from "./routes/models.ts";
import { registerTraceRoutes } from "./routes/traces.ts";
import { registerUsageRoutes } from "./routes/usage.ts";

const maxBodyBytes = 4 * 1024 * 1024;

/** The order of every request, on one screen. */
export function createApp(loadServices: (env: Env) => Promise<Services>): App {
  const app: App = new OpenAPIHono<AppEnvironment>({
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(result.error);
    },
  });

  app.use(traceRequest);
  app.use(
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => {
        throw new AppError("request_too_large", `The request body is larger than ${maxBodyBytes} bytes.`);
      },
    }),
  );
  app.use(async (c, next) => {
    c.set("services", await loadServices(c.env));
    await next();
  });
  registerHealthRoute(app);
  app.doc31("/openapi.json", {
    openapi: "3.1.0",
    info: { title: "Parapet", version: "0.1.0", description: "An AI backend in your own Cloudflare account." },
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });

  app.use("/v1/*", authenticate, requireMigrations);
  registerChatRoutes(app);
  registerEmbeddingRoutes(app);
  registerModelRoutes(app);
  registerCollectionRoutes(app);
  registerDocumentRoutes(app);
  registerKeyRoutes(app);
  registerUsageRoutes(app);
  registerAuditRoutes(app);
  registerTraceRoutes(app);
  registerEvalRoutes(app);

  app.onError((cause, c) => errorResponse(cause, c));
  app.notFound((c) =>
    errorResponse(
      new AppError("not_found", `There is no ${c.req.method} ${c.req.path}. GET /openapi.json lists what there is.`),
      c,
    ),
  );
  return app;
}
