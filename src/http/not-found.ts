import { AppError } from "../core/errors.ts";
import type { App, AppContext } from "./context.ts";
import { errorResponse } from "./error-response.ts";

/** What no route answers: 405 with what would work where the path exists, 404 where it does not. */
export function answerNotFound(app: App): (c: AppContext) => Response {
  const routes = app.routes.filter(({ method, path }) => method !== "ALL" && !path.endsWith("*"));
  return (c) => {
    const { method, path } = c.req;
    const allowed = [...new Set(routes.filter((route) => matches(route.path, path)).map((route) => route.method))];
    if (allowed.length === 0) {
      const message = `There is no ${method} ${path}. GET /openapi.json lists what there is.`;
      return errorResponse(new AppError("not_found", message), c);
    }
    const response = errorResponse(
      new AppError("method_not_allowed", `There is no ${method} ${path}: it takes ${allowed.join(", ")}.`),
      c,
    );
    response.headers.set("allow", allowed.join(", "));
    return response;
  };
}

function matches(pattern: string, path: string): boolean {
  const expected = pattern.split("/");
  const steps = path.split("/");
  return (
    expected.length === steps.length &&
    expected.every((part, index) => (part.startsWith(":") ? steps[index] !== "" : part === steps[index]))
  );
}
