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
    ["one name twice", { paths: { "/a": { get: {} }, "/a/": { get: {} } } }, "two operations"],
  ])("refuses a document with %s", async (_case, spec, message) => {
    await expect(toolsFromOpenApi(spec)).rejects.toMatchObject({
      code: "invalid_request",
      param: "spec",
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ["no server", {}, "/a"],
    ["a relative one", { servers: [{ url: "/v1/" }] }, "/v1/a"],
    ["one with a variable", { servers: [{ url: "https://{region}.shop.test" }] }, "https://{region}.shop.test/a"],
    ["the root", { servers: [{ url: "/" }] }, "/a"],
  ])("leads where the document says with %s", async (_what, servers, url) => {
    const [tool] = await toolsFromOpenApi({ ...servers, paths: { "/a": { get: {} } } });
    expect(tool?.url).toBe(url);
  });

  it("leads to the nearest of several servers", async () => {
    const at = (url: string) => [{ url }];
    const paths = {
      "/a": { servers: at("/path"), get: { servers: at("https://own.test") }, put: {} },
      "/b": { get: {} },
    };
    const tools = await toolsFromOpenApi({ servers: at("https://all.test/"), paths });
    expect(tools.map(({ url }) => url).toSorted()).toEqual(["/path/a", "https://all.test/b", "https://own.test/a"]);
  });

  it("lets an operation's own parameter stand for the path's, `required` included", async () => {
    const parameter = { name: "q", in: "query", required: true, schema: { type: "string" } };
    const own = { name: "q", in: "query", schema: { type: "integer" } };
    const [tool] = await toolsFromOpenApi({ paths: { "/a": { parameters: [parameter], get: { parameters: [own] } } } });
    expect(tool?.tool.function.parameters).toMatchObject({
      properties: { query: { properties: { q: { type: "integer" } }, required: [] } },
      required: [],
    });
  });

  it.each<[object, object]>([
    [{ type: "string", nullable: true }, { type: ["string", "null"] }],
    [
      { type: "string", enum: ["a"], nullable: true },
      { type: ["string", "null"], enum: ["a", null] },
    ],
    [{ enum: ["a", null], nullable: true }, { enum: ["a", null] }],
    [{ type: "string", nullable: false }, { type: "string" }],
    [{ allOf: [{ type: "object" }], nullable: true }, { anyOf: [{ allOf: [{ type: "object" }] }, { type: "null" }] }],
    [
      { type: "integer", minimum: 0, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: true },
      { type: "integer", exclusiveMinimum: 0, exclusiveMaximum: 9 },
    ],
    [
      { type: "integer", minimum: 0, exclusiveMinimum: false },
      { type: "integer", minimum: 0 },
    ],
    [
      { type: "integer", exclusiveMinimum: 0 },
      { type: "integer", exclusiveMinimum: 0 },
    ],
    [
      { type: "array", items: { type: "string", nullable: true } },
      { type: "array", items: { type: ["string", "null"] } },
    ],
    [
      { properties: { nullable: { type: "boolean", nullable: true } }, default: { nullable: true } },
      { properties: { nullable: { type: ["boolean", "null"] } }, default: { nullable: true } },
    ],
  ])("writes the schema %j as JSON Schema does", async (schema, modern) => {
    const parameter = { name: "q", in: "query", schema };
    const requestBody = { content: { "application/json": { schema } } };
    const [tool] = await toolsFromOpenApi({ paths: { "/a": { post: { parameters: [parameter], requestBody } } } });
    expect(tool?.tool.function.parameters?.properties).toEqual({
      query: { type: "object", properties: { q: modern }, required: [] },
      body: modern,
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
