import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { until } from "../support/until.ts";
import { chat, chatBody, errorOf, everyScope, issueKey, newProject, send, type IssuedKey } from "./api.ts";

const event = z.object({
  type: z.literal("budget.threshold_reached"),
  data: z.object({
    kind: z.string(),
    limit: z.string(),
    period: z.string(),
    threshold_percent: z.int(),
    limit_micros: z.int(),
    spent_micros: z.int(),
  }),
});

interface Delivery {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A receiver on this machine. Below `/flaky`, the first delivery of each event fails. */
const deliveries: Delivery[] = [];
let server: Server;
let receiverUrl: string;

beforeAll(async () => {
  const seen = new Set<string>();
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      const path = request.url ?? "";
      const id = String(request.headers["webhook-id"]);
      deliveries.push({ path, headers: request.headers, body });
      const fails = path.startsWith("/flaky") && !seen.has(id);
      seen.add(id);
      response.writeHead(fails ? 500 : 204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  receiverUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

const written = z.object({ webhook_secret: z.string() });
const status = z.object({ today: z.object({ spent_micros: z.int(), left_micros: z.int().nullable() }) });

/** 100 tokens at 10 micro-USD. */
async function spendThousand(key: IssuedKey): Promise<number> {
  const reply = await chat(key, chatBody("scripted/usage-0-100~free-input", { max_completion_tokens: 100 }));
  return reply.status;
}

function eventsAt(path: string, secret: string) {
  return deliveries
    .filter((delivery) => delivery.path === path)
    .map(({ headers, body }) => {
      const id = String(headers["webhook-id"]);
      const signed = { "webhook-id": id, "webhook-timestamp": "", "webhook-signature": "" };
      for (const name of ["webhook-timestamp", "webhook-signature"] as const) signed[name] = String(headers[name]);
      return { id, ...event.parse(new Webhook(secret).verify(body, signed)) };
    });
}

/** Who sets a budget, and a key that no meter has seen yet: one that has hears of a budget within 10 s only. */
async function ownerAndSpender(): Promise<{ owner: IssuedKey; key: IssuedKey }> {
  const owner = await issueKey({ project: newProject(), scopes: everyScope });
  return { owner, key: await issueKey({ project: owner.project, scopes: ["chat"] }) };
}

describe.each([
  { kind: "subject", targetOf: (key: IssuedKey) => key.id },
  { kind: "project", targetOf: (key: IssuedKey) => key.project },
])("the budget of a $kind", ({ kind, targetOf }) => {
  it("is kept, and its webhook hears of 50, 80 and 100 %, once each", async () => {
    const { owner, key } = await ownerAndSpender();
    const path = `/v1/budgets/${kind}/${targetOf(key)}`;
    const hook = `/ok/${kind}`;
    const put = await send(owner, "PUT", path, { daily_budget_micros: 10_000, webhook_url: `${receiverUrl}${hook}` });
    expect(put.status, put.text).toBe(200);
    const { webhook_secret: secret } = written.parse(put.json);
    const count = (threshold: number) =>
      eventsAt(hook, secret).filter(({ data }) => data.threshold_percent === threshold).length;
    const hears = (threshold: number) =>
      until(async () => count(threshold) > 0, { timeoutMs: 20_000, what: `the webhook hears of ${threshold} %` });

    for (let call = 0; call < 5; call += 1) expect(await spendThousand(key)).toBe(200);
    await hears(50);
    for (let call = 0; call < 3; call += 1) expect(await spendThousand(key)).toBe(200);
    await hears(80);
    for (let call = 0; call < 2; call += 1) expect(await spendThousand(key)).toBe(200);
    await hears(100);
    const refusal = await chat(key, chatBody("scripted/usage-0-100~free-input", { max_completion_tokens: 100 }));
    expect(errorOf(refusal).code).toBe("budget_exceeded");

    const events = eventsAt(hook, secret);
    expect(events.map(({ data }) => data.threshold_percent)).toEqual([50, 80, 100]);
    expect(events[2]?.data).toMatchObject({ kind, limit: "daily_budget", limit_micros: 10_000, spent_micros: 10_000 });
    expect(new Set(events.map(({ id }) => id)).size).toBe(3);
  });
});

describe("a webhook whose receiver fails", () => {
  it("is sent again under the same id, and is then done", async () => {
    const { owner, key } = await ownerAndSpender();
    const put = await send(owner, "PUT", `/v1/budgets/subject/${key.id}`, {
      daily_budget_micros: 2_000,
      webhook_url: `${receiverUrl}/flaky`,
    });
    const { webhook_secret: secret } = written.parse(put.json);
    expect(await spendThousand(key)).toBe(200);
    await until(async () => eventsAt("/flaky", secret).length >= 2, { timeoutMs: 30_000, what: "it is sent again" });
    const [first, second] = eventsAt("/flaky", secret);
    expect(second?.id).toBe(first?.id);
    expect(second?.data).toEqual(first?.data);
  });
});

describe("usage", () => {
  it("of what was just done is in the report, the export and the budget", async () => {
    const key = await issueKey({ project: newProject(), scopes: everyScope });
    const feature = "e2e/checkout";
    await send(key, "PUT", `/v1/budgets/feature/${encodeURIComponent(feature)}`, { daily_budget_micros: 1_000_000 });
    const body = chatBody("scripted/usage-0-100~free-input", { max_completion_tokens: 100, parapet: { feature } });
    expect((await chat(key, body)).status).toBe(200);
    await until(
      async () => {
        const reply = await send(key, "GET", `/v1/budgets/feature/${encodeURIComponent(feature)}`);
        return status.parse(reply.json).today.spent_micros === 1_000;
      },
      { timeoutMs: 10_000, what: "the budget says what was spent" },
    );
    const report = await send(key, "GET", `/v1/usage?group_by=feature,user&feature=${encodeURIComponent(feature)}`);
    expect(report.json).toMatchObject({ totals: { calls: 1, cost_micros: 1_000 }, data: [{ group: { feature } }] });
    const csv = await send(key, "GET", "/v1/usage/export");
    expect(csv.text.split("\r\n")).toHaveLength(3);
    expect(csv.text).toContain(feature);
  });
});
