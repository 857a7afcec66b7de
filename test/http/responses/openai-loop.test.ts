import { beforeAll, describe, expect, inject, it } from "vitest";
import { callWorker, makeKey, scriptedEnv } from "../../support/call-worker.ts";

let key: string;
beforeAll(async () => {
  key = await makeKey(["chat"]);
});

/** A deployment whose OpenAI is the scripted provider. */
function respond(body: object) {
  const bindings = scriptedEnv({ OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: `${inject("scriptedProviderUrl")}/v1` });
  return callWorker(bindings, "/v1/responses", {
    key,
    body: { model: "openai/gpt-6.1-sol", tools, reasoning: { effort: "high", summary: "auto" }, ...body },
  });
}

const tools = [{ type: "function", name: "get_weather", parameters: { type: "object" }, strict: false }];

async function lastSent(): Promise<unknown> {
  const url = `${inject("scriptedProviderUrl")}/__stats`;
  const stats = await (await fetch(url)).json<{ recorded: { path: string; body: unknown }[] }>();
  return stats.recorded.findLast(({ path }) => path === "/v1/responses")?.body;
}

const encrypted = "gAAAAABpPDIUscripted";
const summary = [{ type: "summary_text", text: "Let me think." }];
const secondTurn = [
  { type: "message", role: "user", content: "Weather?" },
  { type: "reasoning", summary, encrypted_content: encrypted },
  { type: "function_call", call_id: "call_scripted_1", name: "get_weather", arguments: '{"city":"Paris"}' },
  { type: "function_call_output", call_id: "call_scripted_1", output: "sunny" },
];
const result = { type: "function_call_output", call_id: "call_scripted_1", output: "sunny" };

describe("a model of OpenAI's that reasons before it calls", () => {
  it.each([[false], [true]])(
    "gets its reasoning back where the conversation is kept here (streamed: %s)",
    async (stream) => {
      const { status, json, text } = await respond({ input: "Weather?", stream });
      expect(status, text).toBe(200);
      const first = stream ? lastEvent(text) : json;
      expect(first.output).toMatchObject([
        { type: "reasoning", summary, encrypted_content: null },
        { type: "function_call", call_id: "call_scripted_1" },
      ]);
      expect(await lastSent()).toMatchObject({
        store: false,
        include: ["reasoning.encrypted_content"],
        reasoning: { effort: "high", summary: "auto" },
      });
      const second = await respond({ previous_response_id: first.id, input: [result] });
      expect(second.json.output).toMatchObject([{ type: "message" }]);
      expect((await lastSent()) as { input: unknown }).toMatchObject({ input: secondTurn });
    },
  );

  it("gets its reasoning back where the client keeps the conversation", async () => {
    const include = ["reasoning.encrypted_content"];
    const { json } = await respond({ input: "Weather?", store: false, include });
    await respond({ store: false, include, input: [{ role: "user", content: "Weather?" }, ...json.output, result] });
    expect(await lastSent()).toMatchObject({ input: secondTurn });
  });

  it("sees an image", async () => {
    const image = "data:image/png;base64,iVBORw0KGgo=";
    const { status, text } = await respond({
      input: [
        {
          role: "user",
          content: [
            { type: "input_text", text: "What is this?" },
            { type: "input_image", image_url: image, detail: "low" },
          ],
        },
      ],
    });
    expect(status, text).toBe(200);
    expect(await lastSent()).toMatchObject({
      input: [{ content: [{ type: "input_text" }, { type: "input_image", image_url: image, detail: "low" }] }],
    });
  });
});

function lastEvent(text: string) {
  const data = text.trimEnd().split("\n").at(-1) ?? "";
  return JSON.parse(data.slice("data: ".length)).response;
}
