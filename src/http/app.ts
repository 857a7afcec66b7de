import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { AppError } from "../core/errors.ts";
import type { Services } from "../services.ts";
import type { App, AppEnvironment } from "./context.ts";
import { describeApi } from "./describe-api.ts";
import { errorResponse, invalidRequest } from "./error-response.ts";
import { allowOrigins } from "./middleware/allow-origins.ts";
import { authenticate } from "./middleware/authenticate.ts";
import { idempotency } from "./middleware/idempotency.ts";
import { requireMigrations } from "./middleware/require-migrations.ts";
import { traceRequest } from "./middleware/trace-request.ts";
import { answerNotFound } from "./not-found.ts";
import { registerAuditRoutes } from "./routes/audit.ts";
import { registerBudgetRoutes } from "./routes/budgets.ts";
import { registerChatRoutes } from "./routes/chat.ts";
import { registerCollectionRoutes } from "./routes/collections.ts";
import { registerDocumentRoutes } from "./routes/documents.ts";
import { registerEmbeddingRoutes } from "./routes/embeddings.ts";
import { registerEvalRoutes } from "./routes/evals.ts";
import { registerHealthRoute } from "./routes/health.ts";
import { registerKeyRoutes } from "./routes/keys.ts";
import { registerMessageRoutes } from "./routes/messages.ts";
import { registerModelRoutes } from "./routes/models.ts";
import { registerResponseRoutes } from "./routes/responses.ts";
import { registerRouteRoutes } from "./routes/route.ts";
import { registerToolRoutes } from "./routes/tools.ts";
import { registerTraceRoutes } from "./routes/traces.ts";
import { registerUsageExportRoute } from "./routes/usage-export.ts";
import { registerUsageRoutes } from "./routes/usage.ts";

/** Photos, recordings and PDFs come in the body; how much text it may hold is bounded apart. */
const maxBodyBytes = 20 * 1024 * 1024;

/** The order of every request, on one screen. */
export function createApp(loadServices: (env: Env) => Promise<Services>): App {
  const app: App = new OpenAPIHono<AppEnvironment>({
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(result.error);
    },
  });

  app.use(traceRequest);
  app.use(async (c, next) => {
    c.set("services", await loadServices(c.env));
    await next();
  });
  app.use(allowOrigins);
  app.use(
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => {
        throw new AppError("request_too_large", `The request body is larger than ${maxBodyBytes} bytes.`);
      },
    }),
  );
  registerHealthRoute(app);
  app.get("/openapi.json", (c) => c.json(describeApi(app)));
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });

  app.use("/v1/*", authenticate, requireMigrations, idempotency);
  registerChatRoutes(app);
  registerResponseRoutes(app);
  registerMessageRoutes(app);
  registerEmbeddingRoutes(app);
  registerModelRoutes(app);
  registerCollectionRoutes(app);
  registerDocumentRoutes(app);
  registerKeyRoutes(app);
  registerBudgetRoutes(app);
  registerUsageRoutes(app);
  registerUsageExportRoute(app);
  registerAuditRoutes(app);
  registerRouteRoutes(app);
  registerToolRoutes(app);
  registerTraceRoutes(app);
  registerEvalRoutes(app);

  app.onError((cause, c) => errorResponse(cause, c));
  app.notFound(answerNotFound(app));
  return app;
}
