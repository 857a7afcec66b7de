import type { ChoiceLogprob, ThinkingBlock, ToolCall } from "../core/chat.ts";
import type { ChatResult, StreamPart } from "../core/model.ts";
import { answerTooLong, maxAnswerCharacters } from "../providers/bound-answer.ts";

/** What of a streamed answer is not text on its way: that has left already. */
export function collectParts(): {
  add(part: StreamPart): void;
  result(): ChatResult;
} {
  const calls = new Map<number, ToolCall>();
  const thinking: ThinkingBlock[] = [];
  const logprobs: ChoiceLogprob[] = [];
  const result: ChatResult = {
    id: "",
    model: "",
    content: null,
    refusal: null,
    toolCalls: [],
    finishReason: "stop",
    usage: null,
  };

  let held = 0;
  const hold = (text: string): string => {
    held += text.length;
    if (held <= maxAnswerCharacters) return text;
    throw answerTooLong();
  };

  return {
    add(part) {
      switch (part.type) {
        case "start":
          result.id = part.id;
          result.model = part.model;
          break;
        case "text-delta":
          result.content ??= "";
          break;
        case "refusal-delta":
          result.refusal = (result.refusal ?? "") + hold(part.text);
          break;
        case "tool-call-delta":
          hold((part.id ?? "") + (part.name ?? ""));
          addToCall(calls, { ...part, arguments: hold(part.arguments) });
          break;
        case "thinking-delta":
          break;
        case "thinking-end":
          hold(part.block.type === "thinking" ? part.block.thinking : part.block.data);
          thinking.push(part.block);
          break;
        case "logprobs":
          logprobs.push(...part.content);
          break;
        case "finish":
          result.finishReason = part.reason;
          if (part.stopSequence !== undefined) result.stopSequence = part.stopSequence;
          break;
        case "usage":
          result.usage = part.usage;
          break;
      }
    },
    result: () => ({
      ...result,
      toolCalls: [...calls].toSorted(([left], [right]) => left - right).map(([, call]) => call),
      ...(thinking.length === 0 ? {} : { thinking }),
      ...(logprobs.length === 0 ? {} : { logprobs }),
    }),
  };
}

function addToCall(calls: Map<number, ToolCall>, part: Extract<StreamPart, { type: "tool-call-delta" }>): void {
  const call = calls.get(part.index) ?? { id: "", type: "function", function: { name: "", arguments: "" } };
  if (part.id !== undefined) call.id = part.id;
  if (part.name !== undefined) call.function.name = part.name;
  if (part.extraContent !== undefined) call.extra_content = part.extraContent;
  call.function.arguments += part.arguments;
  calls.set(part.index, call);
}
