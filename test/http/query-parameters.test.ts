import { describe, expect, it } from "vitest";
import { createApp } from "../../src/http/app.ts";
import { describeApi } from "../../src/http/describe-api.ts";
import { adminToken, callWorker, scriptedEnv } from "../support/call-worker.ts";

const { paths = {} } = describeApi(createApp(() => Promise.reject(new Error("no request is made here"))));

/** An id that each kind of path parameter takes. */
const ids = [
  ["/v1/collections/{id}", "col_0000000000000000"],
  ["/v1/keys/{id}", "key_0000000000000000"],
  ["/v1/responses/{id}", "resp_0000000000000000"],
] as const;

interface Operation {
  parameters?: { in: string; name: string }[];
  requestBody?: unknown;
}

const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]: [string, Operation]) => ({
    method: method.toUpperCase(),
    path: ids.reduce((filled, [pattern, id]) => filled.replace(pattern, pattern.replace("{id}", id)), path),
    query: (operation.parameters ?? []).filter((parameter) => parameter.in === "query").map(({ name }) => name),
    hasBody: operation.requestBody !== undefined,
  })),
);
const withQuery = operations.filter(({ query }) => query.length > 0);

describe("a query parameter that nobody knows", () => {
  it("is looked for on every list", () => {
    const lists = withQuery.filter(({ query }) => query.includes("after") || query.includes("group_by"));
    expect(lists.map(({ path }) => path).toSorted()).toEqual([
      "/v1/audit",
      "/v1/budgets",
      "/v1/collections",
      "/v1/collections/col_0000000000000000/documents",
      "/v1/evals/runs",
      "/v1/keys",
      "/v1/responses/resp_0000000000000000/input_items",
      "/v1/usage",
      "/v1/usage/export",
    ]);
  });

  it.each(withQuery)("is refused by name at $method $path", async ({ method, path, hasBody }) => {
    const { status, json } = await callWorker(scriptedEnv(), `${path}?limits=5`, {
      key: adminToken,
      method,
      ...(hasBody ? { body: {} } : {}),
    });
    expect({ status, ...json.error }).toMatchObject({ status: 400, code: "invalid_request", param: "limits" });
  });
});

describe("a path that is nobody's", () => {
  it.each([
    ["POST", "/v1/keys//rotate"],
    ["GET", "/v1/responses//input_items"],
    ["GET", "/v1/nothing"],
  ])("is not found: %s %s", async (method, path) => {
    const { status, json, headers } = await callWorker(scriptedEnv(), path, { key: adminToken, method });
    expect({ status, code: json.error.code, allow: headers.get("allow") }).toEqual({
      status: 404,
      code: "not_found",
      allow: null,
    });
  });

  it("takes other methods where it is somebody's, and says which", async () => {
    const path = "/v1/keys/key_0000000000000000/rotate";
    const { status, headers } = await callWorker(scriptedEnv(), path, { key: adminToken, method: "GET" });
    expect({ status, allow: headers.get("allow") }).toEqual({ status: 405, allow: "POST" });
  });
});
