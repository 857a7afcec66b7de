import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateText, isStepCount, Output, streamText, tool, type LanguageModel } from "ai";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { issueKey } from "./api.ts";

// The Vercel AI SDK, unmodified, over each of the formats it speaks: only `baseURL` and `apiKey` are ours.

const hello = "Hello from the scripted provider.";
const verdict = z.object({ answer: z.string(), count: z.number() });
const weather = tool({
  description: "The weather in a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => ({ city, sky: "sunny" }),
});

let key: string;
beforeAll(async () => {
  key = (await issueKey()).key;
});

const baseURL = () => `${inject("baseUrl")}/v1`;
const formats: [string, (model: string) => LanguageModel][] = [
  ["OpenAI, chat completions", (model) => createOpenAI({ baseURL: baseURL(), apiKey: key }).chat(model)],
  ["OpenAI, responses", (model) => createOpenAI({ baseURL: baseURL(), apiKey: key }).responses(model)],
  [
    "OpenAI-compatible",
    (model) =>
      createOpenAICompatible({
        name: "parapet",
        baseURL: baseURL(),
        apiKey: key,
        includeUsage: true,
        supportsStructuredOutputs: true,
      })(model),
  ],
  ["Anthropic", (model) => createAnthropic({ baseURL: baseURL(), apiKey: key })(model)],
];

describe.each(formats)("%s", (name, modelOf) => {
  it("generates text, with the usage", async () => {
    const { text, usage, finishReason } = await generateText({ model: modelOf("scripted/ok"), prompt: "Say hello." });
    expect([text, finishReason]).toEqual([hello, "stop"]);
    expect(usage.outputTokens).toBe(5);
  });

  it("streams text", async () => {
    const result = streamText({ model: modelOf("scripted/long-20"), prompt: "Count." });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("")).toBe("One two three four five six seven eight nine ten. ".repeat(20));
    expect(await result.finishReason).toBe("stop");
  });

  it("gets an object of its schema", async () => {
    const { output } = await generateText({
      model: modelOf("scripted/json"),
      prompt: "Is it?",
      output: Output.object({ schema: verdict }),
    });
    expect(output).toEqual({ answer: "yes", count: 2 });
  });

  it("streams an object of its schema", async () => {
    const result = streamText({
      model: modelOf("scripted/json"),
      prompt: "Is it?",
      output: Output.object({ schema: verdict }),
    });
    expect(await result.output).toEqual({ answer: "yes", count: 2 });
  });

  it("runs a tool and answers from its result", async () => {
    const { text, steps } = await generateText({
      model: modelOf("scripted/tool-then-answer"),
      prompt: "What is the weather in Paris?",
      tools: { get_weather: weather },
      stopWhen: isStepCount(3),
    });
    expect(text).toBe("It is sunny in Paris.");
    expect(steps[0]?.toolResults.map((result) => result.output)).toEqual([{ city: "Paris", sky: "sunny" }]);
  });

  it("streams through a tool call", async () => {
    const result = streamText({
      model: modelOf("scripted/tool-then-answer"),
      prompt: "What is the weather in Paris?",
      tools: { get_weather: weather },
      stopWhen: isStepCount(3),
    });
    expect(await result.text).toBe("It is sunny in Paris.");
  });

  it("shows what the model thought", async () => {
    const { reasoningText, text } = await generateText({ model: modelOf("scripted/think"), prompt: "Think." });
    expect(text).toBe(hello);
    // The SDK reads no thinking from OpenAI's own chat completions, which have none.
    if (name !== "OpenAI, chat completions") expect(reasoningText).toBe("Let me think.");
  });

  it("gets errors it understands", async () => {
    const failing = generateText({ model: modelOf("scripted/nothing"), prompt: "Hi", maxRetries: 0 });
    const error = await failing.then(
      () => null,
      (cause: unknown) => cause,
    );
    expect(APICallError.isInstance(error) && [error.statusCode, error.isRetryable]).toEqual([404, false]);
    expect(String(error)).toContain("scripted/nothing");
  });
});

describe("embeddings", () => {
  it("embeds many texts in their order", async () => {
    const { embeddings } = await embedMany({
      model: createOpenAI({ baseURL: baseURL(), apiKey: key }).embedding("scripted/embed"),
      values: ["one", "two", "three"],
    });
    expect(embeddings).toHaveLength(3);
    expect(embeddings[0]).not.toEqual(embeddings[1]);
  });
});
