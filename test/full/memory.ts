import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPort } from "../../src/local/node/find-port.ts";
import { assertNode } from "../../src/local/node/assert-node.ts";
import { buildWorker } from "../bench/gateway/build-worker.ts";
import { createKey, startDeployment } from "../bench/gateway/deployment.ts";
import { Connection, type Call } from "../bench/gateway/http-client.ts";
import { openHeapProbe } from "./heap-probe.ts";
import { machine } from "../bench/machine.ts";

// What the isolate holds, with the production bundle: over many requests, over a stream far larger than any answer, and while a
// client reads a stream slowly. Ends with exit code 1 when it is not flat.

const requests = Number(process.env.PARAPET_FULL_REQUESTS ?? 20_000);
const streamMb = Number(process.env.PARAPET_FULL_STREAM_MB ?? 50);
const concurrency = 20;
const samples = 20;
/** Growth is judged between the second quarter and the last: caches fill once. */
const flatWithin = 1.25;
const mb = 1024 * 1024;
/** More than a worker that only passes through lets in: what fills the sockets' buffers on both sides fills them there too. */
const slowReaderExcessMb = 4;

const sentence = "The quick brown fox jumps over the lazy dog and goes on its way. ".repeat(16);
const root = join(import.meta.dirname, "..", "..");

assertNode();
const folder = mkdtempSync(join(tmpdir(), "parapet-memory-"));
const provider = await startProvider();
process.stderr.write("building the production bundle\n");
const parapet = await buildWorker({ root, folder: join(folder, "bundle") });
const inspectorPort = await findPort(9_300);
const deployment = await startDeployment({
  inspectorPort,
  root,
  folder,
  parapet,
  stages: parapet,
  providerUrl: provider.url,
  settings: { PARAPET_PROVIDERS: JSON.stringify(providers(provider.url)) },
});
const heapMb = await openHeapProbe({
  inspectorPort,
  worker: "parapet",
  wake: () => fetch(`${deployment.parapetUrl}/healthz`).then((response) => response.text()),
});
const failures: string[] = [];
try {
  process.stdout.write(`${machine()}\n\n`);
  const key = await createKey(deployment.parapetUrl);
  await overManyRequests(key);
  await overOneStream(key);
  await withASlowReader(key);
} finally {
  await deployment.stop();
  provider.stop();
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) process.stdout.write(`NOT FLAT: ${failure}\n`);
process.exitCode = failures.length === 0 ? 0 : 1;

async function overManyRequests(key: string): Promise<void> {
  const url = new URL(deployment.parapetUrl);
  const body = JSON.stringify({ model: "full/ok", messages: [{ role: "user", content: sentence }], max_tokens: 50 });
  const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: ${url.host}\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  const call: Call = { request: Buffer.from(head + body), mark: "Hello" };
  const connections = await Promise.all(
    Array.from({ length: concurrency }, () => Connection.open({ host: url.hostname, port: Number(url.port) })),
  );
  const heap: number[] = [];
  let sent = 0;
  process.stdout.write(`requests | heap MB | resident MB\n-------- | ------- | -----------\n`);
  for (let part = 0; part < samples; part += 1) {
    const until = Math.round((requests * (part + 1)) / samples);
    await Promise.all(
      connections.map(async (connection) => {
        while (sent < until) {
          sent += 1;
          const { error } = await connection.send(call);
          if (error !== null) throw new Error(error);
        }
      }),
    );
    heap.push(await heapMb());
    process.stdout.write(`${String(sent).padStart(8)} | ${lastOf(heap)} | ${residentMb().toFixed(0).padStart(11)}\n`);
  }
  for (const connection of connections) connection.close();
  judge(`${requests} requests`, heap);
}

async function overOneStream(key: string): Promise<void> {
  const response = await openStream(deployment.parapetUrl, key);
  const heap: number[] = [];
  let read = 0;
  const startMs = performance.now();
  process.stdout.write(`\nstreamed MB | heap MB | resident MB\n----------- | ------- | -----------\n`);
  for await (const chunk of response.body ?? []) {
    read += chunk.byteLength;
    if (read / mb < ((heap.length + 1) * streamMb) / samples) continue;
    heap.push(await heapMb());
    process.stdout.write(
      `${(read / mb).toFixed(0).padStart(11)} | ${lastOf(heap)} | ${residentMb().toFixed(0).padStart(11)}\n`,
    );
  }
  const seconds = (performance.now() - startMs) / 1000;
  process.stdout.write(`${(read / mb).toFixed(1)} MB in ${seconds.toFixed(1)} s\n`);
  if (read < streamMb * mb) failures.push(`only ${(read / mb).toFixed(1)} of ${streamMb} MB arrived`);
  judge(`a stream of ${streamMb} MB`, heap);
}

async function withASlowReader(key: string): Promise<void> {
  const { sentMb: floor } = await feedASlowReader(deployment.passThroughUrl, key);
  const before = await heapMb();
  const { sentMb: sent, heap: after } = await feedASlowReader(deployment.parapetUrl, key);
  process.stdout.write(
    `\na reader that stops after its first piece: the provider could send ${sent.toFixed(1)} MB of ${streamMb} (through a worker that only passes on: ${floor.toFixed(1)}), heap ${before.toFixed(1)} → ${after.toFixed(1)} MB\n`,
  );
  if (sent > floor + slowReaderExcessMb) failures.push(`a slow reader let ${sent.toFixed(1)} MB in`);
}

/** What the provider could send, in MB, until nobody took any more, and what the isolate held then. */
async function feedASlowReader(url: string, key: string): Promise<{ sentMb: number; heap: number }> {
  const response = await openStream(url, key);
  const reader = response.body?.getReader();
  await reader?.read();
  for (let last = -1; provider.sentBytes() !== last;) {
    last = provider.sentBytes();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  const sentMb = provider.sentBytes() / mb;
  const heap = await heapMb();
  await reader?.cancel();
  return { sentMb, heap };
}

function openStream(url: string, key: string): Promise<Response> {
  provider.resetSent();
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "full/endless", stream: true, messages: [{ role: "user", content: "Go on." }] }),
  });
}

function lastOf(heap: number[]): string {
  return (heap[heap.length - 1] ?? 0).toFixed(1).padStart(7);
}

function judge(what: string, heap: number[]): void {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const quarter = Math.floor(heap.length / 4);
  const early = mean(heap.slice(quarter, 2 * quarter));
  const late = mean(heap.slice(-quarter));
  process.stdout.write(`${what}: ${early.toFixed(1)} MB in the second quarter, ${late.toFixed(1)} MB in the last\n`);
  if (late > early * flatWithin) failures.push(`${what}: ${early.toFixed(1)} → ${late.toFixed(1)} MB`);
}

function residentMb(): number {
  const status = readFileSync(`/proc/${deployment.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}

function providers(url: string) {
  const price = { inputUsdPerMillion: 1, outputUsdPerMillion: 1 };
  const model = (name: string) => ({ name, contextWindow: 100_000, maxOutputTokens: 50_000, price });
  return [{ name: "full", baseUrl: `${url}/v1`, models: [model("ok"), model("endless")] }];
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      response.off("drain", go);
      response.off("close", go);
      resolve();
    };
    response.once("drain", go);
    response.once("close", go);
  });
}

/** Answers at once, or with a stream that ends after `streamMb`, no faster than it is read. */
async function startProvider() {
  let sent = 0;
  const usage = { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 };
  const answer = JSON.stringify({
    id: "chatcmpl-full",
    object: "chat.completion",
    created: 1,
    model: "ok",
    choices: [{ index: 0, message: { role: "assistant", content: "Hello there." }, finish_reason: "stop" }],
    usage,
  });
  const event = (delta: object, finish: string | null, more: object = {}) =>
    `data: ${JSON.stringify({ id: "chatcmpl-full", object: "chat.completion.chunk", created: 1, model: "endless", choices: [{ index: 0, delta, finish_reason: finish }], ...more })}\n\n`;
  const piece = event({ content: sentence }, null);

  async function stream(response: ServerResponse): Promise<void> {
    response.writeHead(200, { "content-type": "text/event-stream" });
    while (sent < streamMb * mb * 1.05 && !response.destroyed) {
      sent += piece.length;
      if (!response.write(piece)) await drained(response);
    }
    response.end(`${event({}, "stop", { usage })}data: [DONE]\n\n`);
  }

  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      if (body.includes('"stream":true')) void stream(response);
      else response.writeHead(200, { "content-type": "application/json" }).end(answer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    sentBytes: () => sent,
    resetSent: () => (sent = 0),
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
