import { requiredScope } from "./middleware/require-scope.ts";
import type { App } from "./context.ts";

const methods = ["get", "put", "post", "patch", "delete"] as const;

/** The OpenAPI document of every route, each operation with its id and the scope its caller needs. */
export function describeApi(app: App) {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "Parapet", version: "0.1.0", description: "An AI backend in your own Cloudflare account." },
  });
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of methods) {
      const operation = item[method];
      if (operation === undefined) continue;
      operation.operationId ??= operationIdOf(method, path);
      const scope = scopeOf(app, method, path);
      if (scope !== null) operation.security = [{ bearer: [scope] }];
    }
  }
  return document;
}

/** `post_v1_chat_completions`; stable as long as the route is. */
function operationIdOf(method: string, path: string): string {
  return `${method}${path}`.replace(/[^A-Za-z0-9]+/g, "_").replace(/_+$/, "");
}

function scopeOf(app: App, method: string, path: string): string | null {
  const pattern = path.replace(/\{([^}]+)\}/g, ":$1");
  const handlers = app.routes.filter(
    (route) => route.method.toLowerCase() === method && sameShape(route.path, pattern),
  );
  return requiredScope(handlers.map(({ handler }) => handler));
}

/** Equal but for the expressions that a parameter may have. */
function sameShape(left: string, right: string): boolean {
  const bare = (path: string) => path.replace(/:(\w+)(?:\{[^/]*\})?/g, ":$1");
  return bare(left) === bare(right);
}
