import { beforeAll, describe, expect, it } from "vitest";
import { callWorker, makeKey, scriptedEnv } from "../support/call-worker.ts";

const chat = { model: "scripted/ok", messages: [{ role: "user", content: "Hello" }] };
const everything = [
  "chat",
  "embeddings",
  "collections:read",
  "collections:write",
  "usage:read",
  "audit:read",
  "traces:read",
];

/** A binding whose every use fails as one that cannot be reached does. */
function unreachable(): unknown {
  const fail = () => {
    throw new Error("Network connection lost.");
  };
  return new Proxy({}, { get: () => fail });
}

let key: string;
beforeAll(async () => {
  key = await makeKey(everything);
});

describe("with the database out of reach", () => {
  const broken = () => scriptedEnv({ DB: unreachable() });

  it("chat goes on", async () => {
    expect((await callWorker(broken(), "/v1/chat/completions", { key, body: chat })).status).toBe(200);
  });

  it.each(["/v1/usage", "/v1/audit", "/v1/collections"])("%s says so", async (path) => {
    const { status, json, headers } = await callWorker(broken(), path, { key });
    expect(status).toBe(503);
    expect(json.error.code).toBe("storage_unavailable");
    expect(headers.get("retry-after")).toBe("2");
  });
});

describe("with the meter out of reach", () => {
  it.each(["/v1/chat/completions", "/v1/embeddings"])("%s is closed: nothing costs without admission", async (path) => {
    const body = path.endsWith("embeddings") ? { model: "auto", input: "x" } : chat;
    const { status, json } = await callWorker(scriptedEnv({ METER: { getByName: unreachable } }), path, { key, body });
    expect(status).toBe(503);
    expect(json.error.code).toBe("meter_unavailable");
  });
});

describe("with the content store out of reach", () => {
  it("the answer is served", async () => {
    const { status } = await callWorker(scriptedEnv({ CONTENT: unreachable() }), "/v1/chat/completions", {
      key,
      body: chat,
    });
    expect(status).toBe(200);
  });
});

describe("with the vector index or the embedding model out of reach", () => {
  let collection: string;
  beforeAll(async () => {
    const created = await callWorker(scriptedEnv(), "/v1/collections", { key, body: { name: "outage" } });
    collection = created.json.id;
    // No model server runs here, so nothing can be embedded: the document is found by its words.
    const body = { external_id: "a", text: "# Anchors\n\nAn anchor weighs 40 kilograms." };
    const put = await callWorker(scriptedEnv(), `/v1/collections/${collection}/documents`, { key, body });
    expect(put).toMatchObject({ status: 201, json: { degraded: true, chunks: 1 } });
  });

  it("a search finds by words and says that it is degraded", async () => {
    const body = { query: "How heavy is an anchor?" };
    const { json } = await callWorker(
      scriptedEnv({ VECTORIZE: unreachable() }),
      `/v1/collections/${collection}/search`,
      { key, body },
    );
    expect(json).toMatchObject({
      degraded: true,
      data: [{ text: "An anchor weighs 40 kilograms.", vector_score: null }],
    });
  });
});
