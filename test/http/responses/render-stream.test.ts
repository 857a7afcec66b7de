import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/core/errors.ts";
import { sealOpenaiReasoning } from "../../../src/core/sealed-reasoning.ts";
import type { Answer } from "../../../src/gateway/completion.ts";
import type { CompletionPart } from "../../../src/gateway/stream-completion.ts";
import { renderResponseStream } from "../../../src/http/responses/render-stream.ts";
import type { ResponseObject } from "../../../src/http/responses/render-response.ts";

interface Event {
  type: string;
  response?: ResponseObject;
  [field: string]: unknown;
}

function end(change: Partial<Answer> = {}): CompletionPart {
  const usage = { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1, reasoningTokens: 0, estimated: false };
  // What the renderer reads of a completion.
  return {
    type: "end",
    completion: { answer: { model: "p/m", finishReason: "stop", usage, citations: [], ...change }, parapet: null },
  } as unknown as CompletionPart;
}

async function render(
  parts: CompletionPart[],
  { keep = async () => true, include = [] }: { keep?: () => Promise<boolean>; include?: string[] } = {},
): Promise<Event[]> {
  const stream = renderResponseStream(
    {
      parts: new ReadableStream<CompletionPart>({
        start(controller) {
          for (const part of parts) controller.enqueue(part);
          controller.close();
        },
      }),
    },
    {
      head: {
        id: "resp_1",
        session: "0".repeat(16),
        createdMs: 0,
        model: "p/m",
        store: true,
        request: { model: "p/m", input: "Hi", include: include as never[] },
      },
      requestId: "req_1",
      nowMs: () => 1000,
      keep,
    },
  );
  const text = await new Response(stream).text();
  return text
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line): Event => JSON.parse(line.slice(6)));
}

const typesOf = (events: Event[]) => events.map((event) => event.type.replace("response.", ""));

describe("the events of a response", () => {
  it("name each citation where its number stands", async () => {
    const citation = {
      index: 1,
      document_id: "doc_1",
      document_title: "Handbook",
      chunk_id: "c",
      start: 0,
      end: 4,
      quote: "",
    };
    const events = await render([{ type: "text-delta", text: "Nine hours [1]." }, end({ citations: [citation] })]);
    const added = events.find((event) => event.type === "response.output_text.annotation.added");
    const annotation = { type: "file_citation", file_id: "doc_1", filename: "Handbook", index: 11 };
    expect(added).toMatchObject({ annotation_index: 0, annotation });
    expect(events.at(-1)?.response?.output).toMatchObject([{ content: [{ annotations: [annotation] }] }]);
  });

  it.each([
    ["length", "max_output_tokens"],
    ["content_filter", "content_filter"],
  ] as const)("end incomplete where the answer was cut: %s", async (finishReason, reason) => {
    const events = await render([{ type: "text-delta", text: "On" }, end({ finishReason })]);
    expect(events.at(-1)).toMatchObject({
      type: "response.incomplete",
      response: {
        status: "incomplete",
        incomplete_details: { reason },
        completed_at: null,
        output: [{ status: "incomplete" }],
      },
    });
  });

  it("end with the error and a failed response, what came before it kept out of the record", async () => {
    let kept = 0;
    const error = new AppError("upstream_incomplete", "The provider broke off.");
    const parts: CompletionPart[] = [
      { type: "text-delta", text: "On" },
      { type: "error", error },
    ];
    const events = await render(parts, { keep: async () => (kept += 1) > 0 });
    expect(typesOf(events).slice(-2)).toEqual(["error", "failed"]);
    expect(events.at(-2)).toMatchObject({
      code: "upstream_incomplete",
      message: "The provider broke off.",
      error: { request_id: "req_1" },
    });
    expect(events.at(-1)).toMatchObject({
      response: { status: "failed", store: false, error: { code: "server_error" } },
    });
    expect(kept).toBe(0);
  });

  it("do not promise a conversation that could not be kept", async () => {
    const events = await render([{ type: "text-delta", text: "Hi" }, end()], { keep: async () => false });
    expect(events.at(-1)?.response).toMatchObject({ status: "completed", store: false });
  });

  it("join a summary and what OpenAI encrypted, and part other blocks", async () => {
    const sealed = sealOpenaiReasoning("gAAA");
    const events = await render([
      { type: "thinking-delta", text: "Adding." },
      { type: "thinking-end", block: { type: "thinking", thinking: "Adding." } },
      { type: "thinking-end", block: sealed },
      { type: "thinking-delta", text: "More." },
      { type: "thinking-end", block: { type: "thinking", thinking: "More.", signature: "s" } },
      { type: "text-delta", text: "3" },
      end(),
    ]);
    expect(events.at(-1)?.response?.output).toMatchObject([
      { type: "reasoning", summary: [{ text: "Adding." }], encrypted_content: null },
      { type: "reasoning", summary: [{ text: "More." }] },
      { type: "message" },
    ]);
    const done = events.filter((event) => event.type === "response.output_item.done");
    expect(done.map((event) => event["output_index"])).toEqual([0, 1, 2]);
  });

  it("tell a refusal from an answer", async () => {
    const events = await render([{ type: "refusal-delta", text: "I cannot." }, end()]);
    expect(typesOf(events).slice(2)).toEqual([
      "output_item.added",
      "content_part.added",
      "refusal.delta",
      "refusal.done",
      "content_part.done",
      "output_item.done",
      "completed",
    ]);
    expect(events.at(-1)?.response?.output).toMatchObject([{ content: [{ type: "refusal", refusal: "I cannot." }] }]);
  });
});
