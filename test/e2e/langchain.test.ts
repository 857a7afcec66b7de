import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { issueKey } from "./api.ts";

// LangChain.js, unmodified: only `baseURL` and `apiKey` are ours.

const hello = "Hello from the scripted provider.";
const verdict = z.object({ answer: z.string(), count: z.number() });

let key: string;
beforeAll(async () => {
  key = (await issueKey()).key;
});

function chatModel(model: string, useResponsesApi: boolean): ChatOpenAI {
  return new ChatOpenAI({
    model,
    apiKey: key,
    maxRetries: 0,
    useResponsesApi,
    configuration: { baseURL: `${inject("baseUrl")}/v1` },
  });
}

describe.each([
  ["chat completions", false],
  ["responses", true],
])("LangChain over %s", (_name, useResponsesApi) => {
  it("invokes, with the usage", async () => {
    const message = await chatModel("scripted/ok", useResponsesApi).invoke("Say hello.");
    expect(message.text).toBe(hello);
    expect(message.usage_metadata).toMatchObject({ output_tokens: 5 });
  });

  it("streams", async () => {
    const pieces: string[] = [];
    for await (const chunk of await chatModel("scripted/long-20", useResponsesApi).stream("Count."))
      pieces.push(chunk.text);
    expect(pieces.join("")).toBe("One two three four five six seven eight nine ten. ".repeat(20));
  });

  it("gets an object of its schema", async () => {
    const model = chatModel("scripted/json", useResponsesApi).withStructuredOutput(verdict, {
      name: "verdict",
      method: "jsonSchema",
    });
    expect(await model.invoke("Is it?")).toEqual({ answer: "yes", count: 2 });
  });

  it("calls a tool and goes on with its result", async () => {
    const weather = tool(async ({ city }) => `sunny in ${city}`, {
      name: "get_weather",
      description: "The weather in a city",
      schema: z.object({ city: z.string() }),
    });
    const model = chatModel("scripted/tool-then-answer", useResponsesApi).bindTools([weather]);
    const question = new HumanMessage("What is the weather in Paris?");
    const asked = await model.invoke([question]);
    expect(asked.tool_calls).toMatchObject([{ name: "get_weather", args: { city: "Paris" } }]);
    const results = await Promise.all((asked.tool_calls ?? []).map((call) => weather.invoke(call)));
    expect(results[0]).toBeInstanceOf(ToolMessage);
    const answered = await model.invoke([question, asked, ...results]);
    expect(answered.text).toBe("It is sunny in Paris.");
  });
});

it("embeds", async () => {
  const embeddings = new OpenAIEmbeddings({
    model: "scripted/embed",
    apiKey: key,
    configuration: { baseURL: `${inject("baseUrl")}/v1` },
  });
  expect(await embeddings.embedDocuments(["one", "two"])).toHaveLength(2);
});
