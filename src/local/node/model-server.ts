import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { chatRequest } from "../../core/chat.ts";
import type { ChatBackend } from "./chat-backend.ts";
import { chooseBackend } from "./choose-backend.ts";
import { answerEmbeddings, embeddingModelName, loadEmbedder, type Embedder } from "./embeddings.ts";
import { createProgressPrinter, type OnProgress } from "./progress.ts";
import { errorBody, toWireError, WireError } from "./wire-error.ts";

export interface ModelServer {
  /** The base URL for OpenAI clients, e.g. `http://127.0.0.1:8788/v1`. */
  url: string;
  /** `local/…`, or `null` when no chat model could be had. */
  chatModel: string | null;
  embeddingModel: string;
  close(): Promise<void>;
}

/** Stands for whichever chat model is loaded. */
export const anyChatModel = "local/chat";

const defaultPort = 8788;
const maxBodyBytes = 8 * 1024 * 1024;

interface Models {
  chat: ChatBackend | null;
  embedder: Embedder;
}

/**
 * Starts the local model server on 127.0.0.1 and resolves once it answers, after the engine and weights are installed and
 * loaded. `port` 0 takes any free one; `model` is what `PARAPET_LOCAL_MODEL` may say (see `chooseBackend`).
 */
export async function startModelServer({
  port,
  model,
  onProgress = () => {},
}: {
  port: number;
  model?: string | undefined;
  onProgress?: OnProgress;
}): Promise<ModelServer> {
  const chat = await chooseBackend(model, onProgress);
  return serveModels({ port, models: { chat, embedder: await loadEmbedder() } });
}

/** Serves models that are already loaded. */
export async function serveModels({ port, models }: { port: number; models: Models }): Promise<ModelServer> {
  const server = createServer((request, response) => void handle(request, response, models));
  await listen(server, port);
  const address = server.address();
  const boundPort = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://127.0.0.1:${boundPort}/v1`,
    chatModel: models.chat?.modelName ?? null,
    embeddingModel: embeddingModelName,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await models.chat?.close();
    },
  };
}

async function handle(incoming: IncomingMessage, outgoing: ServerResponse, models: Models): Promise<void> {
  const departure = new AbortController();
  outgoing.on("close", () => {
    if (!outgoing.writableFinished) departure.abort(new Error("the client hung up"));
  });
  try {
    await send(await route(incoming, models, departure.signal), outgoing);
  } catch (error) {
    if (departure.signal.aborted || outgoing.headersSent) {
      outgoing.destroy();
      return;
    }
    const wireError = toWireError(error);
    await send(Response.json(errorBody(wireError), { status: wireError.status }), outgoing);
  }
}

async function route(incoming: IncomingMessage, models: Models, signal: AbortSignal): Promise<Response> {
  refuseForeignHost(incoming);
  const { pathname } = new URL(incoming.url ?? "/", "http://127.0.0.1");
  switch (`${incoming.method} ${pathname}`) {
    case "GET /healthz":
      return Response.json(describeHealth(models));
    case "GET /v1/models":
      return Response.json({ object: "list", data: listModels(models) });
    case "POST /v1/chat/completions":
      return answerChat(await readJson(incoming), models.chat, signal);
    case "POST /v1/embeddings":
      return Response.json(await answerEmbeddings(await readJson(incoming), models.embedder, signal));
    default:
      throw new WireError(404, "not_found", `There is no ${incoming.method} ${pathname} here.`);
  }
}

async function answerChat(body: unknown, chat: ChatBackend | null, signal: AbortSignal): Promise<Response> {
  const parsed = chatRequest.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const param = issue?.path.join(".") ?? null;
    throw new WireError(
      400,
      "invalid_request",
      `Invalid ${param || "body"}: ${issue?.message ?? "wrong type"}.`,
      param,
    );
  }
  if (chat === null) {
    const message =
      "No chat model is loaded. Start the model server with PARAPET_LOCAL_MODEL naming a GGUF file or a base URL.";
    throw new WireError(503, "model_unavailable", message);
  }
  const asked = parsed.data.model;
  if (asked !== anyChatModel && asked !== chat.modelName && `local/${asked}` !== chat.modelName) {
    throw new WireError(404, "model_not_found", `The chat model here is ${chat.modelName}, not ${asked}.`, "model");
  }
  return chat.answer(parsed.data, signal);
}

function describeHealth({ chat }: Models): object {
  return {
    status: "ok",
    chat_model: chat?.modelName ?? null,
    embedding_model: embeddingModelName,
    queue: chat?.load() ?? null,
  };
}

function listModels({ chat }: Models): object[] {
  const names = chat ? [chat.modelName, embeddingModelName] : [embeddingModelName];
  return names.map((id) => ({ id, object: "model", created: 0, owned_by: "local" }));
}

/** A web page whose name was pointed at 127.0.0.1 must not reach the models: only loopback names are answered. */
function refuseForeignHost(incoming: IncomingMessage): void {
  const host = (incoming.headers.host ?? "").replace(/:\d+$/, "");
  if (!["127.0.0.1", "localhost", "[::1]"].includes(host)) {
    throw new WireError(403, "forbidden", "The local model server answers only on 127.0.0.1 and localhost.");
  }
}

async function readJson(incoming: IncomingMessage): Promise<unknown> {
  if (!incoming.headers["content-type"]?.includes("application/json")) {
    throw new WireError(415, "invalid_content_type", "Send the body as application/json.");
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new WireError(413, "request_too_large", "The body is over 8 MB.");
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new WireError(400, "invalid_json", "The body is not valid JSON.");
  }
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  await pipeline(Readable.from(response.body), outgoing);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve());
  });
}

if (import.meta.main) {
  const onProgress = createProgressPrinter(process.stdout);
  const port = Number(process.env["PARAPET_LOCAL_MODEL_PORT"] ?? defaultPort);
  const server = await startModelServer({ port, model: process.env["PARAPET_LOCAL_MODEL"], onProgress });
  onProgress({
    message: `Model server: ${server.url} (chat ${server.chatModel ?? "none"}, embeddings ${server.embeddingModel})`,
  });
}
