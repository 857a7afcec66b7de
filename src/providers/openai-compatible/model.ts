import { newId } from "../../core/ids.ts";
import type {
  ChatModel,
  ChatResult,
  EmbeddingCall,
  EmbeddingModel,
  EmbeddingResult,
  ModelCall,
  StreamPart,
} from "../../core/model.ts";
import { maxVectorBytes } from "../read-body.ts";
import { newCallId } from "../new-call-id.ts";
import { createChunkReader } from "./chunk-reader.ts";
import { convertChatRequest, type Dialect } from "./convert-messages.ts";
import { unreadable } from "./map-error.ts";
import { mapFinishReason } from "./map-finish-reason.ts";
import { createTransport, type TransportOptions } from "./transport.ts";
import { chatCompletion, embeddingList, toTokenUsage, type WireCompletion } from "./wire.ts";

export interface OpenAICompatibleOptions extends TransportOptions {
  /** Unless told otherwise, the provider named `openai` speaks OpenAI's own dialect and every other the common one. */
  dialect?: Dialect;
}

/** The chat and embedding models of a server with OpenAI's interface. Retries are the gateway's: none are made here. */
export function createOpenAICompatible(options: OpenAICompatibleOptions): ChatModel & EmbeddingModel {
  const { name } = options;
  const dialect = options.dialect ?? (name === "openai" ? "openai" : "compatible");
  const transport = createTransport(options);

  return {
    chat(call: ModelCall): Promise<ChatResult> {
      const body = convertChatRequest({ ...call.request, stream: false }, call.card, dialect);
      return transport.ask(call, "/chat/completions", body, (value) =>
        toChatResult(chatCompletion.parse(value), call.card.name),
      );
    },

    stream(call: ModelCall): Promise<ReadableStream<StreamPart>> {
      const body = convertChatRequest({ ...call.request, stream: true }, call.card, dialect);
      const parts = createChunkReader({ provider: name, model: call.card.name, onError: transport.mapBody });
      return transport.openStream(call, "/chat/completions", body, parts);
    },

    embed(call: EmbeddingCall): Promise<EmbeddingResult> {
      const body = {
        model: call.card.name,
        input: call.inputs,
        // The package would otherwise ask for base64, which not every server speaks.
        encoding_format: "float",
        ...(call.dimensions === undefined ? {} : { dimensions: call.dimensions }),
      };
      const readVectors = (value: unknown) => {
        const list = embeddingList.parse(value);
        const vectors = list.data.toSorted((a, b) => a.index - b.index).map((item) => item.embedding);
        if (vectors.length !== call.inputs.length) {
          throw unreadable(name, `${vectors.length} vectors for ${call.inputs.length} inputs`);
        }
        return { model: list.model || call.card.name, vectors, usage: list.usage ? toTokenUsage(list.usage) : null };
      };
      return transport.ask(call, "/embeddings", body, readVectors, { maxBytes: maxVectorBytes(call.inputs.length) });
    },
  };
}

/** A completion in OpenAI's shape as the gateway's. */
export function toChatResult(completion: WireCompletion, fallbackModel: string): ChatResult {
  const choice = completion.choices[0];
  const calls = choice?.message.tool_calls ?? [];
  const thought = choice?.message.reasoning_content ?? choice?.message.reasoning;
  const logprobs = choice?.logprobs?.content;
  return {
    id: completion.id || newId("completion"),
    model: completion.model || fallbackModel,
    content: choice?.message.content ?? null,
    refusal: choice?.message.refusal ?? null,
    toolCalls: calls.map((call) => ({
      id: call.id || newCallId(),
      type: "function",
      function: { name: call.function.name, arguments: call.function.arguments ?? "{}" },
    })),
    finishReason: mapFinishReason(choice?.finish_reason ?? null, calls.length > 0),
    ...(thought ? { thinking: [{ type: "thinking", thinking: thought }] } : {}),
    ...(logprobs ? { logprobs } : {}),
    usage: completion.usage ? toTokenUsage(completion.usage) : null,
  };
}
