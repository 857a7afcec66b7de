import { describe, expect, it } from "vitest";
import type { ThinkingBlock } from "../../../src/core/chat.ts";
import { convertItems } from "../../../src/http/responses/convert-items.ts";
import type { ConversationItem } from "../../../src/http/responses/input-items.ts";
import { outputItems } from "../../../src/http/responses/output-items.ts";
import { packReasoning, unpackReasoning } from "../../../src/http/responses/reasoning-content.ts";
import { openaiReasoningIn, sealOpenaiReasoning } from "../../../src/core/sealed-reasoning.ts";
import type { Answer } from "../../../src/gateway/completion.ts";

const signed: ThinkingBlock = { type: "thinking", thinking: "First, add.", signature: "sig" };
const reasoning = (...blocks: ThinkingBlock[]): ConversationItem => ({
  type: "reasoning",
  summary: [],
  encrypted_content: packReasoning(blocks),
});
const said = (text: string): ConversationItem => ({ role: "assistant", content: [{ type: "output_text", text }] });
const call = (id: string): ConversationItem => ({
  type: "function_call",
  call_id: id,
  name: "add",
  arguments: "{}",
});
const result = (id: string): ConversationItem => ({ type: "function_call_output", call_id: id, output: "3" });
const asked: ConversationItem = { role: "user", content: "Add." };

const toolCall = (id: string) => ({ id, type: "function", function: { name: "add", arguments: "{}" } });

describe("items of one turn", () => {
  it("become one message, thinking first", () => {
    expect(convertItems([asked, reasoning(signed), said("Let me see."), call("a"), call("b")])).toEqual([
      { role: "user", content: "Add." },
      {
        role: "assistant",
        content: "Let me see.",
        tool_calls: [toolCall("a"), toolCall("b")],
        thinking_blocks: [signed],
      },
    ]);
  });

  it("are not torn apart between a call and its result", () => {
    const messages = convertItems([call("a"), reasoning(signed), call("b"), said("Both."), result("a"), result("b")]);
    expect(messages.map((message) => message.role)).toEqual(["assistant", "tool", "tool"]);
    expect(messages[0]).toMatchObject({ content: "Both.", tool_calls: [toolCall("a"), toolCall("b")] });
  });

  it("begin anew with reasoning behind a text", () => {
    const messages = convertItems([said("Commentary."), reasoning(signed), call("a"), result("a")]);
    expect(messages).toMatchObject([
      { role: "assistant", content: "Commentary." },
      { role: "assistant", content: null, thinking_blocks: [signed], tool_calls: [toolCall("a")] },
      { role: "tool" },
    ]);
  });

  it("are dropped where only reasoning came, which nothing followed", () => {
    expect(convertItems([asked, reasoning(signed)])).toEqual([{ role: "user", content: "Add." }]);
  });
});

describe("reasoning that goes out and comes back", () => {
  it("is the same, signature and all", () => {
    expect(unpackReasoning(packReasoning([signed]))).toEqual([signed]);
  });

  it("is taken from OpenAI itself too, and marked as OpenAI's", () => {
    const [block] = unpackReasoning("gAAAAABpPDIU");
    expect(block === undefined ? null : openaiReasoningIn(block)).toBe("gAAAAABpPDIU");
  });

  it.each([["pt1.not-base64-!"], [packReasoning([]).slice(0, -2)], ["pt1."], [""], [null]])(
    "is none where it is %j",
    (encrypted) => {
      expect(unpackReasoning(encrypted)).toEqual([]);
    },
  );

  it("is one item where OpenAI gave a summary with what it encrypted", () => {
    const summary: ThinkingBlock = { type: "thinking", thinking: "Adding." };
    const sealed = sealOpenaiReasoning("gAAA");
    const items = outputItems(answerWith([summary, sealed, signed]), "0".repeat(16));
    expect(items.slice(0, 2)).toMatchObject([
      { type: "reasoning", summary: [{ text: "Adding." }], encrypted_content: packReasoning([summary, sealed]) },
      { type: "reasoning", summary: [{ text: "First, add." }], encrypted_content: packReasoning([signed]) },
    ]);
  });
});

describe("citations", () => {
  it("stand as annotations where the text has their numbers", () => {
    const citation = {
      index: 1,
      document_id: "doc_1",
      document_title: "Handbook",
      chunk_id: "c",
      start: 0,
      end: 4,
      quote: "Nine",
    };
    const [message] = outputItems(
      { ...answerWith([]), content: "Nine hours [1]. Or [7].", citations: [citation] },
      "0".repeat(16),
    );
    expect(message).toMatchObject({
      content: [{ annotations: [{ type: "file_citation", file_id: "doc_1", filename: "Handbook", index: 11 }] }],
    });
  });
});

function answerWith(thinking: ThinkingBlock[]): Answer {
  return {
    model: "p/m",
    content: "3",
    refusal: null,
    toolCalls: [],
    thinking,
    logprobs: null,
    finishReason: "stop",
    stopSequence: null,
    usage: { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1, reasoningTokens: 0, estimated: false },
    generated: true,
    degraded: false,
    grounding: "none",
    citations: [],
    unsupportedSentences: 0,
  };
}
