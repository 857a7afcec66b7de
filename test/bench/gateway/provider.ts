import { createServer, type Socket } from "node:net";
import { benchAnswer, delayOfModel } from "./workload.ts";

/**
 * The provider both targets call, in a process of its own. It parses HTTP/1.1 by hand: node:http would cost more than what is
 * measured. Every chunk of a stream leaves in a turn of its own, so that it arrives as a read of its own.
 */

const crlf2 = Buffer.from("\r\n\r\n");
const words = benchAnswer.split(/(?<= )/);
const usage = { prompt_tokens: 180, completion_tokens: words.length, total_tokens: 180 + words.length };
const head = { id: "chatcmpl-bench", created: 1_700_000_000, model: "bench" };

const plainBody = JSON.stringify({
  ...head,
  object: "chat.completion",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: benchAnswer, refusal: null },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage,
});
const plainAnswer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(plainBody)}\r\n\r\n${plainBody}`,
);

const event = (choices: object[], more: object = {}) =>
  `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices, ...more })}\n\n`;
const delta = (value: object, finishReason: string | null = null) =>
  event([{ index: 0, delta: value, logprobs: null, finish_reason: finishReason }]);
const frame = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const streamAnswer = [
  `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n${frame(delta({ role: "assistant", content: "" }) + delta({ content: words[0] }))}`,
  ...words.slice(1).map((word) => frame(delta({ content: word }))),
  `${frame(delta({}, "stop") + event([], { usage }) + "data: [DONE]\n\n")}0\r\n\r\n`,
].map((text) => Buffer.from(text));

const server = createServer({ noDelay: true }, (socket) => {
  let waiting: Buffer = Buffer.alloc(0);
  socket.on("error", () => undefined);
  socket.on("data", (data) => {
    waiting = waiting.length === 0 ? data : Buffer.concat([waiting, data]);
    const end = waiting.indexOf(crlf2);
    if (end < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(waiting.toString("latin1", 0, end))?.[1] ?? Number.NaN);
    if (Number.isNaN(length)) {
      socket.end("HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const start = end + crlf2.length;
    if (waiting.length < start + length) return;
    const body: unknown = JSON.parse(waiting.toString("utf8", start, start + length));
    waiting = waiting.subarray(start + length);
    answer(socket, body);
  });
});

function answer(socket: Socket, body: unknown): void {
  const isStream = typeof body === "object" && body !== null && "stream" in body && body.stream === true;
  const model = typeof body === "object" && body !== null && "model" in body ? String(body.model) : "";
  const send = () => (isStream ? sendChunks(socket, 0) : socket.write(plainAnswer));
  const delayMs = delayOfModel(model);
  if (delayMs === 0) send();
  else setTimeout(send, delayMs);
}

function sendChunks(socket: Socket, index: number): void {
  const chunk = streamAnswer[index];
  if (chunk === undefined || socket.destroyed) return;
  socket.write(chunk);
  setImmediate(sendChunks, socket, index + 1);
}

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the provider has no port");
  process.send?.({ port: address.port });
});
process.on("disconnect", () => process.exit(0));
