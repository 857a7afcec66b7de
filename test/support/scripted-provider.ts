import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { anthropicWire } from "./scripted-anthropic.ts";
import { googleWire, readGoogleRequest } from "./scripted-google.ts";
import { readResponsesRequest, responsesWire } from "./scripted-responses.ts";
import { openaiWire, workersWire, type WireFormat } from "./scripted-wire.ts";
import { scriptFor, type Answer, type Failure, type ScriptContext } from "./scripts.ts";

/** One model's share of what the provider was asked and has billed. */
export interface ModelStats {
  requests: number;
  /** Tokens of the answers that were sent; of a cut one, those that left. */
  inputTokens: number;
  outputTokens: number;
  /** Clients that left before the answer was complete. */
  disconnects: number;
}

export interface RecordedRequest {
  path: string;
  model: string;
  headers: Record<string, string>;
  body: unknown;
}

export interface ProviderStats {
  requests: number;
  models: Record<string, ModelStats>;
  /** The last requests, oldest first. */
  recorded: RecordedRequest[];
}

export interface ScriptedProvider {
  /** Without `/v1`. */
  url: string;
  stats(): ProviderStats;
  reset(): void;
  close(): Promise<void>;
}

const keptRequests = 500;

/**
 * An OpenAI-compatible provider (`/v1/chat/completions`, `/v1/embeddings`, `/v1/models`) over real HTTP on loopback that
 * behaves as the model's name says: see scripts.ts. `/ai/run/<model>` says the same in Workers AI's words, `/v1/messages` in
 * Anthropic's, `/v1beta/models/<model>:…` in Gemini's. Its counts are at
 * `GET /__stats`; `POST /__reset` forgets them.
 */
export async function startScriptedProvider(port = 0): Promise<ScriptedProvider> {
  const models = new Map<string, ModelStats>();
  const recorded: RecordedRequest[] = [];

  const statsOf = (model: string): ModelStats => {
    const known = models.get(model) ?? { requests: 0, inputTokens: 0, outputTokens: 0, disconnects: 0 };
    models.set(model, known);
    return known;
  };
  const firstAskedMs = new Map<string, number>();
  const sinceFirst = (model: string): number => {
    const firstMs = firstAskedMs.get(model) ?? Date.now();
    firstAskedMs.set(model, firstMs);
    return Date.now() - firstMs;
  };
  const stats = (): ProviderStats => ({
    requests: [...models.values()].reduce((total, model) => total + model.requests, 0),
    models: Object.fromEntries(models),
    recorded,
  });
  const reset = () => {
    models.clear();
    firstAskedMs.clear();
    recorded.length = 0;
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? "/", "http://scripted").pathname;
    if (path === "/__stats") return sendJson(response, 200, stats());
    if (path === "/__reset") {
      reset();
      return sendJson(response, 200, {});
    }
    if (path === "/v1/models")
      return sendJson(response, 200, { object: "list", data: [{ id: "ok", object: "model" }] });

    const sent = JSON.parse(await readBody(request)) as RequestBody;
    // Gemini's path says which model is asked, and how; the others' bodies do.
    const read = readGoogleRequest(path, sent) ?? readResponsesRequest(path, sent);
    const body = (read as RequestBody | null) ?? sent;
    const isWorkers = path.startsWith("/ai/run/");
    const wire = wireOf(path);
    const model = isWorkers ? decodeURIComponent(path.slice("/ai/run/".length)) : body.model;
    const mine = statsOf(model);
    const seen = mine.requests++;
    recorded.push({ path, model, headers: request.headers as Record<string, string>, body: sent });
    if (recorded.length > keptRequests) recorded.shift();
    response.on("close", () => {
      if (!response.writableFinished) mine.disconnects++;
    });

    const texts = body.text ?? body.input;
    const script = scriptFor(texts === undefined || !bareName(model).startsWith("embed") ? model : "ok", {
      seen,
      sinceFirstMs: sinceFirst(model),
      ...describe(body),
    });
    if (script.kind === "html") return send(response, 200, "text/html", "<!doctype html><h1>502 Bad Gateway</h1>");
    if (script.kind === "redirect") {
      response.writeHead(307, { location: "http://127.0.0.1:9/v1/chat/completions" });
      response.end();
      return;
    }
    if (script.kind === "flood") {
      response.writeHead(script.status, { "content-type": "application/json" });
      response.write(`{"error":{"message":"${"x".repeat(script.bytes)}`);
      return;
    }
    if (script.kind === "reset") return void response.destroy();
    if (script.kind === "failure") return fail(response, script, wire);
    if (script.limits !== null) {
      for (const [name, value] of Object.entries(wire.limitHeaders?.(script.limits) ?? {}))
        response.setHeader(name, value);
    }
    await wait(script.delayMs);
    if (script.fault === "hang") return;
    if (texts !== undefined) return embed(response, [texts].flat(), { model, body, isWorkers, wire, mine });
    const work = { response, answer: script, model, wire, mine };
    await (body.stream === true ? stream(work, isWorkers || body.stream_options?.include_usage === true) : whole(work));
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((cause: unknown) => {
      // A script that does not exist, or a body that is none: the test is wrong, and is told so.
      if (!response.headersSent)
        sendJson(response, 418, { error: { message: String(cause), type: "scripted_provider", code: null } });
      else response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");

  return {
    url: `http://127.0.0.1:${address.port}`,
    stats,
    reset,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Each vendor has a path of its own. */
function wireOf(path: string): WireFormat {
  if (path.startsWith("/ai/run/")) return workersWire;
  if (path.startsWith("/v1beta/")) return googleWire;
  if (path === "/v1/responses") return responsesWire;
  return path === "/v1/messages" ? anthropicWire : openaiWire;
}

interface RequestBody {
  model: string;
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  messages?: { role: string; content?: string | { text?: string }[] | null }[];
  input?: string | string[];
  text?: string | string[];
  dimensions?: number;
}

interface Work {
  response: ServerResponse;
  answer: Answer;
  model: string;
  wire: WireFormat;
  mine: ModelStats;
}

async function whole({ response, answer, model, wire, mine }: Work): Promise<void> {
  const text = JSON.stringify(wire.whole(answer, model));
  const half = text.slice(0, Math.floor(text.length / 2));
  switch (answer.fault) {
    case "stall":
      response.writeHead(200, { "content-type": "application/json" });
      response.write(half);
      return;
    case "cut":
      response.writeHead(200, { "content-type": "application/json" });
      response.write(half, () => response.destroy());
      return;
    case "half-frame":
    case "malformed-chunk":
      return send(response, 200, "application/json", half);
    case "empty-stream":
      return send(response, 200, "application/json", "");
    case "error-event":
    case "late-error":
      return sendJson(response, 200, wire.error("The server had an error while processing your request."));
    default:
      await wait(answer.firstPieceMs);
      bill(mine, answer, answer.pieces.length);
      return sendJson(response, 200, wire.whole(answer, model));
  }
}

async function stream({ response, answer, model, wire, mine }: Work, withUsage: boolean): Promise<void> {
  const { fault } = answer;
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  response.flushHeaders();
  const write = (events: unknown[]) =>
    response.write(events.map(wire.frame ?? ((event) => `data: ${JSON.stringify(event)}\n\n`)).join(""));
  if (fault === "empty-stream") return void response.end();
  if (fault === "error-event") {
    response.write(`event: error\ndata: ${JSON.stringify(wire.error("The server had an error."))}\n\n`);
    return void response.end();
  }
  await wait(answer.firstPieceMs);
  write(wire.opening(answer, model));
  for (const [index, piece] of answer.pieces.entries()) {
    if (index > 0 && answer.betweenMs > 0) await wait(answer.betweenMs);
    if (response.destroyed) return bill(mine, answer, index);
    write([wire.piece(piece, model, answer)]);
    if (index + 1 < (answer.faultAfter ?? (fault === "stall" ? 1 : 2))) continue;
    if (fault === "stall") return;
    if (fault === "cut") return cut(response);
    if (fault === "malformed-chunk") {
      response.write('data: {"choices": [{"delta": {"content": "x"}\n\n');
      return void response.end();
    }
    if (fault === "half-frame") {
      response.write('data: {"id":"chatcmpl-scripted","choices":[{"index":0,"del');
      return void response.end();
    }
    if (fault === "late-error") {
      write([wire.error("The server had an error.")]);
      return void response.end();
    }
  }
  write(wire.rest(answer, model));
  if (fault !== "no-finish") write(wire.finish(answer, model));
  if (withUsage) write(wire.usage(answer, model));
  // Workers AI's classic stream has no finish reason: its `[DONE]` is what `no-finish` leaves out.
  const leavesOutDone = fault === "no-done" || (fault === "no-finish" && wire === workersWire);
  bill(mine, answer, answer.pieces.length);
  response.end(leavesOutDone ? "" : (wire.done ?? "data: [DONE]\n\n"));
}

/** Once the pieces are on their way: the client must have seen them before the connection breaks. */
function cut(response: ServerResponse): void {
  response.write(": cut\n\n", () => setImmediate(() => response.destroy()));
}

function bill(mine: ModelStats, answer: Answer, sentPieces: number): void {
  const { usage, pieces } = answer;
  mine.inputTokens += usage?.input ?? 0;
  mine.outputTokens += sentPieces === pieces.length ? (usage?.output ?? pieces.length) : sentPieces;
}

function fail(response: ServerResponse, failure: Failure, wire: WireFormat): void {
  const { status, headers, error } = failure;
  const body = wire.failure?.(failure) ?? { error };
  response.writeHead(status, { "content-type": "application/json", "x-request-id": "req_scripted", ...headers });
  response.end(JSON.stringify(body));
}

interface EmbedCall {
  model: string;
  body: RequestBody;
  isWorkers: boolean;
  wire: WireFormat;
  mine: ModelStats;
}

function embed(response: ServerResponse, texts: string[], { model, body, isWorkers, wire, mine }: EmbedCall): void {
  // `embed-fixed-8` ignores the size it is asked for, as servers do that do not know the parameter.
  const [, fixed, named] = /^embed-(fixed-)?(\d+)/.exec(bareName(model)) ?? [];
  const dimensions = (fixed === undefined ? body.dimensions : undefined) ?? Number(named ?? 16);
  const vectors = texts.map((text) => embedText(text, dimensions));
  const tokens = texts.reduce((total, text) => total + countTokens(text), 0);
  mine.inputTokens += tokens;
  const own = wire.embeddings?.(vectors, tokens);
  if (own !== undefined) return sendJson(response, 200, own);
  if (isWorkers) return sendJson(response, 200, { shape: [vectors.length, dimensions], data: vectors, pooling: "cls" });
  const data = vectors.map((embedding, index) => ({ object: "embedding", index, embedding }));
  sendJson(response, 200, { object: "list", data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } });
}

/** A bag of hashed words of length 1: the same text gives the same vector, and texts that share words lie near each other. */
function embedText(text: string, dimensions: number): number[] {
  const vector = Array.from({ length: dimensions }, () => 0);
  for (const word of text.toLowerCase().split(/\W+/)) {
    let hash = 2_166_136_261;
    for (const character of word) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619) >>> 0;
    const slot = hash % dimensions;
    vector[slot] = (vector[slot] ?? 0) + 1;
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

function describe({ messages = [] }: RequestBody): Omit<ScriptContext, "seen" | "sinceFirstMs"> {
  const textOf = (content: string | { text?: string }[] | null | undefined) =>
    typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("\n");
  const lastUser = messages.findLast((message) => message.role === "user");
  const tokens = messages.reduce((total, message) => total + countTokens(textOf(message.content)), 0);
  const last = messages.at(-1);
  const prefill = last?.role === "assistant" ? textOf(last.content) : null;
  const hasToolResult = messages.at(-1)?.role === "tool";
  return { lastUserText: textOf(lastUser?.content), promptTokens: tokens, prefill, hasToolResult };
}

function countTokens(text: string): number {
  return Math.max(1, Math.ceil(text.length / 4));
}

function bareName(model: string): string {
  return model.split("/").at(-1) ?? model;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString("utf8");
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, "application/json", JSON.stringify(body));
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "x-request-id": "req_scripted" });
  response.end(body);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const flag = process.argv.indexOf("--port");
  const provider = await startScriptedProvider(flag === -1 ? 0 : Number(process.argv[flag + 1]));
  process.stdout.write(`${provider.url}\n`);
}
