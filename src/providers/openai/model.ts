import type { ChatModel, ChatResult, EmbeddingModel, ModelCall, StreamPart } from "../../core/model.ts";
import { unreadable } from "../openai-compatible/map-error.ts";
import { createOpenAICompatible } from "../openai-compatible/model.ts";
import { createTransport, type TransportOptions } from "../openai-compatible/transport.ts";
import { chooseEndpoint } from "./choose-endpoint.ts";
import { convertResponsesRequest } from "./convert-messages.ts";
import { createEventReader, itemSeparator, thinkingOf } from "./event-reader.ts";
import { nameResponseError } from "./map-error.ts";
import { mapFinishReason } from "./map-finish-reason.ts";
import { responseBody, toTokenUsage, type WireResponse } from "./wire.ts";

/** OpenAI's own models, by its Responses API, and by chat completions where those carry what Responses cannot. */
export function createOpenAI(options: Omit<TransportOptions, "name">): ChatModel & EmbeddingModel {
  const name = "openai";
  const transport = createTransport({ ...options, name, renameError: nameResponseError });
  const compatible = createOpenAICompatible({ ...options, name, dialect: "openai" });

  return {
    async chat(call: ModelCall): Promise<ChatResult> {
      if (chooseEndpoint(call.request) === "chat_completions") return compatible.chat(call);
      const body = convertResponsesRequest({ ...call.request, stream: false }, call.card);
      return transport.ask(call, "/responses", body, (value) =>
        toChatResult(responseBody.parse(value), call.card.name),
      );
    },

    async stream(call: ModelCall): Promise<ReadableStream<StreamPart>> {
      if (chooseEndpoint(call.request) === "chat_completions") return compatible.stream(call);
      const body = convertResponsesRequest({ ...call.request, stream: true }, call.card);
      const parts = createEventReader({ provider: name, model: call.card.name, onError: transport.mapBody });
      return transport.openStream(call, "/responses", body, parts);
    },

    embed: (call) => compatible.embed(call),
  };
}

/** A whole response as the gateway's result. Throws for one that did not end. */
export function toChatResult(response: WireResponse, fallbackModel: string): ChatResult {
  const messages = response.output.flatMap((item) => (item.type === "message" ? [item.content] : []));
  const texts = messages
    .map((content) => content.flatMap((part) => (part.type === "output_text" ? [part.text] : [])))
    .filter((parts) => parts.length > 0)
    .map((parts) => parts.join(""));
  const refusals = messages.flat().flatMap((part) => (part.type === "refusal" ? [part.refusal] : []));
  const logprobs = messages.flat().flatMap((part) => (part.type === "output_text" ? (part.logprobs ?? []) : []));
  const thinking = response.output.flatMap((item) => (item.type === "reasoning" ? thinkingOf(item) : []));
  const toolCalls = response.output.flatMap((item) =>
    item.type === "function_call"
      ? [{ id: item.call_id, type: "function" as const, function: { name: item.name, arguments: item.arguments } }]
      : [],
  );
  const finishReason = mapFinishReason(response, toolCalls.length > 0);
  if (finishReason === null) throw unreadable("openai", `a response with the status ${response.status.slice(0, 40)}`);
  return {
    id: response.id,
    model: response.model || fallbackModel,
    content: texts.length === 0 ? null : texts.join(itemSeparator),
    refusal: refusals.length === 0 ? null : refusals.join(""),
    toolCalls,
    finishReason,
    ...(thinking.length === 0 ? {} : { thinking }),
    ...(logprobs.length === 0 ? {} : { logprobs }),
    usage: response.usage ? toTokenUsage(response.usage) : null,
  };
}
