import type { ChatBackend } from "./chat-backend.ts";
import { newEnvelope, toCompletion, toEvents } from "./chat-wire.ts";
import { completeChat, prepareChat, type ChatPart } from "./complete-chat.ts";
import type { Engine } from "./engine.ts";
import { RequestQueue } from "./request-queue.ts";
import { toByteStream } from "./to-byte-stream.ts";

const defaultMaxWaiting = 32;

/** Chat by a model in this process: requests take turns, in order, and past 32 waiting they are refused with 503. */
export function createEngineBackend(
  engine: Engine,
  modelName: string,
  { maxWaiting = defaultMaxWaiting }: { maxWaiting?: number } = {},
): ChatBackend {
  const queue = new RequestQueue(maxWaiting);

  async function* inTurn(turn: Disposable, parts: AsyncGenerator<ChatPart>): AsyncGenerator<ChatPart> {
    using _released = turn;
    yield* parts;
  }

  return {
    modelName,
    async answer(request, signal) {
      const prepared = prepareChat(request, engine);
      const turn = await queue.enter(signal);
      const parts = inTurn(turn, completeChat(prepared, engine, signal));
      const envelope = newEnvelope(modelName);
      if (!request.stream) return Response.json(await toCompletion(parts, envelope));
      const body = toByteStream(toEvents(parts, envelope, request));
      return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } });
    },
    load: () => queue.size,
    close: () => engine.close(),
  };
}
