import { describe, expect, it } from "vitest";
import { toolDefinition } from "../../src/core/chat.ts";
import { contractOf } from "../../src/gateway/answer-contract.ts";
import { toolsFromOpenApi } from "../../src/tools/openapi-tools.ts";

const shop = {
  openapi: "3.0.0",
  info: { title: "Shop", version: "1" },
  servers: [{ url: "https://api.shop.test/v1/" }],
  paths: {
    "/orders/{id}": {
      parameters: [{ name: "id", in: "path", required: true, schema: { type: "string", pattern: "^ord_" } }],
      get: {
        operationId: "getOrder",
        summary: "Get an order",
        parameters: [
          { name: "expand", in: "query", schema: { type: "array", items: { enum: ["lines"] } }, description: "More" },
          { $ref: "#/components/parameters/trace" },
        ],
      },
      post: {
        description: "Refund an order",
        requestBody: {
          required: true,
          content: { "application/json": { schema: { $ref: "#/components/schemas/Refund" } } },
        },
      },
    },
  },
  components: {
    parameters: { trace: { name: "x-trace", in: "header", schema: { type: "string" } } },
    schemas: {
      Refund: {
        type: "object",
        required: ["amount"],
        properties: {
          amount: { type: "integer" },
          lines: { type: "array", items: { $ref: "#/components/schemas/Line" } },
        },
      },
      Line: { type: "object", properties: { sku: { type: "string" }, part_of: { $ref: "#/components/schemas/Line" } } },
    },
  },
};

describe("an OpenAPI document as tools", () => {
  it("has a tool for each operation, with where it leads", async () => {
    const tools = await toolsFromOpenApi(shop);
    expect(tools.map(({ tool, method, url }) => [tool.function.name, method, url])).toEqual([
      ["getOrder", "GET", "https://api.shop.test/v1/orders/{id}"],
      ["post_orders_id", "POST", "https://api.shop.test/v1/orders/{id}"],
    ]);
    expect(tools.map(({ tool }) => tool.function.description)).toEqual(["Get an order", "Refund an order"]);
    for (const { tool } of tools) expect(() => toolDefinition.parse(tool)).not.toThrow();
  });

  it.each([
    ["getOrder", { path: { id: "ord_1" } }, true],
    ["getOrder", { path: { id: "ord_1" }, query: { expand: ["lines"] }, header: { "x-trace": "t" } }, true],
    ["getOrder", {}, false],
    ["getOrder", { path: { id: "7" } }, false],
    ["getOrder", { path: { id: "ord_1" }, query: { expand: ["all"] } }, false],
    ["post_orders_id", { path: { id: "ord_1" }, body: { amount: 5, lines: [{ sku: "a" }] } }, true],
    ["post_orders_id", { path: { id: "ord_1" } }, false],
    ["post_orders_id", { path: { id: "ord_1" }, body: { amount: "5" } }, false],
    ["post_orders_id", { path: { id: "ord_1" }, body: { amount: 5, lines: [{ sku: 1 }] } }, false],
  ])("checks the arguments of %s: %j", async (name, args, fits) => {
    const tools = (await toolsFromOpenApi(shop)).map(({ tool }) => tool);
    const contract = contractOf({ model: "auto", messages: [{ role: "user", content: "Hi" }], tools });
    const call = { id: "call_1", type: "function", function: { name, arguments: JSON.stringify(args) } } as const;
    expect(contract.checkCall(call).length === 0).toBe(fits);
  });

  it("can be narrowed to some operations", async () => {
    expect(await toolsFromOpenApi(shop, { operations: ["getOrder"] })).toHaveLength(1);
  });

  it.each([
    ["no paths", {}, "no `paths`"],
    ["a reference to elsewhere", { paths: { "/a": { $ref: "https://evil.test/spec.json" } } }, "outside itself"],
    ["a reference to nothing", { paths: { "/a": { $ref: "#/nowhere" } } }, "does not have"],
    ["a reference that cannot be decoded", { paths: { "/a": { $ref: "#/%" } } }, "does not have"],
    ["no server", { paths: { "/a": { get: {} } } }, "server"],
    ["one name twice", { paths: { "/a": { get: {} }, "/a/": { get: {} } } }, "two operations"],
  ])("refuses a document with %s", async (_case, spec, message) => {
    await expect(toolsFromOpenApi(spec)).rejects.toMatchObject({
      code: "invalid_request",
      param: "spec",
      message: expect.stringContaining(message),
    });
  });

  it("follows a reference into a list", async () => {
    const id = { name: "id", in: "query", required: true, schema: { type: "string" } };
    const paths = {
      "/a": { get: { parameters: [id] } },
      "/b": { get: { parameters: [{ $ref: "#/paths/~1a/get/parameters/0" }] } },
    };
    const tools = await toolsFromOpenApi({ ...shop, paths });
    expect(tools[1]?.tool.function.parameters).toEqual(tools[0]?.tool.function.parameters);
  });

  it("refuses a document that grows without end", async () => {
    const wide = { type: "object", properties: Object.fromEntries([..."abcdefgh"].map((name) => [name, {}])) };
    const schemas = Object.fromEntries(
      Array.from({ length: 12 }, (_, level) => [
        `s${level}`,
        { properties: Object.fromEntries([..."abcdefgh"].map((name) => [name, { $ref: `#/s${level + 1}` }])) },
      ]),
    );
    const bomb = { ...schemas, s12: wide, paths: { "/a": { $ref: "#/s0" } } };
    await expect(toolsFromOpenApi(bomb)).rejects.toMatchObject({ message: expect.stringContaining("too large") });
  });
});

describe("a hostile document", () => {
  const withSchema = (schema: unknown, more: object = {}) => ({
    ...more,
    servers: [{ url: "https://a.test" }],
    paths: { "/a": { post: { requestBody: { content: { "application/json": { schema } } } } } },
  });
  const properties = Object.fromEntries(
    Array.from({ length: 1000 }, (_none, index) => [`p${index}`, { description: { $ref: "#/x" } }]),
  );

  it.each([
    ["a long text that it refers to often", withSchema({ type: "object", properties }, { x: "A".repeat(10_000) })],
    ["an escape that is none", withSchema({ $ref: "#/%" })],
  ])("is refused: %s", async (_case, spec) => {
    await expect(toolsFromOpenApi(spec)).rejects.toMatchObject({ code: "invalid_request", param: "spec" });
  });
});
