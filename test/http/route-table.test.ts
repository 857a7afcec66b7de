import { describe, expect, it } from "vitest";
import { scopes } from "../../src/core/principal.ts";
import { createApp } from "../../src/http/app.ts";
import { describeApi } from "../../src/http/describe-api.ts";

const app = createApp(() => Promise.reject(new Error("no request is made here")));

/** `GET /v1/keys/{id}`, as the OpenAPI document writes it. */
const registered = [
  ...new Set(
    app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`),
  ),
];
const { paths = {} } = describeApi(app);
const documented = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
);

// The end-to-end tests take the document for the route table: this is why they may.
describe("the OpenAPI document", () => {
  it("has every route that the app answers, and no other", () => {
    expect(registered.toSorted()).toEqual([...documented, "GET /openapi.json"].toSorted());
  });

  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation: { operationId?: string; security?: { bearer: string[] }[] }) => ({
      path,
      ...operation,
    })),
  );

  it("says of every route under /v1, and of no other, that it needs a key, and with which scope", () => {
    const allScopes: readonly string[] = scopes;
    for (const { path, security } of operations) {
      const needed = security?.[0]?.bearer ?? [];
      const isGuarded = needed.length === 1 && needed.every((scope) => allScopes.includes(scope));
      expect(isGuarded, path).toBe(path.startsWith("/v1/"));
    }
  });

  it("gives every operation an id of its own", () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
