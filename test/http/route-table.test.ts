import { describe, expect, it } from "vitest";
import { createApp } from "../../src/http/app.ts";

const app = createApp(() => Promise.reject(new Error("no request is made here")));

/** `GET /v1/keys/{id}`, as the OpenAPI document writes it. */
const registered = [
  ...new Set(
    app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`),
  ),
];
const { paths = {} } = app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Parapet", version: "0" } });
const documented = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
);

// The end-to-end tests take the document for the route table: this is why they may.
describe("the OpenAPI document", () => {
  it("has every route that the app answers, and no other", () => {
    expect(registered.toSorted()).toEqual([...documented, "GET /openapi.json"].toSorted());
  });

  it("says of every route under /v1, and of no other, that it needs a key", () => {
    const secured = Object.entries(paths).flatMap(([path, methods]) =>
      Object.values(methods).map((operation: { security?: unknown }) => ({
        path,
        isSecured: JSON.stringify(operation.security) === '[{"bearer":[]}]',
      })),
    );
    for (const { path, isSecured } of secured) expect(isSecured, path).toBe(path.startsWith("/v1/"));
  });
});
