import { Connection, type Call } from "./http-client.ts";
import { summarise, type Measured } from "./summary.ts";

export interface LoadOrder {
  url: string;
  headers: Record<string, string>;
  /** `null` sends a GET. */
  body: string | null;
  mark: string;
  concurrency: number;
  warmUpMs: number;
  measureMs: number;
}

/** The load generator: a process of its own that runs one order after the other. */
process.on("message", (order: LoadOrder) => {
  runOrder(order).then(
    (measured) => process.send?.({ measured }),
    (cause: unknown) => process.send?.({ failure: String(cause) }),
  );
});
process.on("disconnect", () => process.exit(0));

async function runOrder(order: LoadOrder): Promise<Measured> {
  const url = new URL(order.url);
  const call: Call = { request: renderRequest(url, order), mark: order.mark };
  const connections = await Promise.all(
    Array.from({ length: order.concurrency }, () => Connection.open({ host: url.hostname, port: Number(url.port) })),
  );
  const fromMs = performance.now() + order.warmUpMs;
  const untilMs = fromMs + order.measureMs;
  const totals: number[] = [];
  const firsts: number[] = [];
  let answered = 0;
  let errors = 0;
  let firstError: string | null = null;
  try {
    await Promise.all(
      connections.map(async (connection) => {
        for (;;) {
          const exchange = await connection.send(call);
          const nowMs = performance.now();
          if (exchange.error !== null) {
            errors += 1;
            firstError ??= exchange.error;
            // A broken connection stays broken, and hammering a target that refuses measures nothing.
            return;
          }
          answered += 1;
          // An answer that outlasts the window counts too: the window ends with the last of them.
          if (nowMs - exchange.totalMs >= fromMs) {
            totals.push(exchange.totalMs);
            firsts.push(exchange.ttfbMs);
          }
          if (nowMs >= untilMs) return;
        }
      }),
    );
  } finally {
    for (const connection of connections) connection.close();
  }
  const elapsedMs = Math.max(1, performance.now() - fromMs);
  return { ...summarise({ totals, firsts, elapsedMs }), answered, errors, firstError };
}

function renderRequest(url: URL, { headers, body }: LoadOrder): Buffer {
  const lines = [
    `${body === null ? "GET" : "POST"} ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === null ? [] : ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`]),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body ?? ""}`);
}
