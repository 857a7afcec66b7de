import { beforeAll, describe, expect, inject, it } from "vitest";
import { callWorker, makeKey, scriptedEnv } from "../../support/call-worker.ts";

const hello = "Hello from the scripted provider.";
let key: string;
beforeAll(async () => {
  key = await makeKey(["chat"]);
});

function respond(body: object, as = key) {
  return callWorker(scriptedEnv(), "/v1/responses", { key: as, body: { model: "scripted/ok", input: "Hi", ...body } });
}

function read(path: string, as = key, method = "GET") {
  return callWorker(scriptedEnv(), `/v1/responses/${path}`, { key: as, method });
}

async function lastSent(): Promise<{ messages: unknown[]; [field: string]: unknown }> {
  const stats = await (await fetch(`${inject("scriptedProviderUrl")}/__stats`)).json<{ recorded: { body: never }[] }>();
  return stats.recorded.at(-1)?.body ?? { messages: [] };
}

interface Event {
  type: string;
  sequence_number: number;
  [field: string]: unknown;
}
function eventsOf(text: string): Event[] {
  return text
    .split("\n\n")
    .filter((block) => block !== "")
    .map((block) => {
      const [name, data] = block.split("\n");
      const event: Event = JSON.parse(data?.slice("data: ".length) ?? "");
      expect(name).toBe(`event: ${event.type}`);
      return event;
    });
}

describe("a response", () => {
  it("is OpenAI's object, with every field of the request that shaped it", async () => {
    const { status, json, headers } = await respond({
      instructions: "Be brief.",
      temperature: 0.5,
      metadata: { ticket: "7" },
      user: "alice",
    });
    expect(status, JSON.stringify(json)).toBe(200);
    expect(json).toMatchObject({
      id: expect.stringMatching(/^resp_[0-9a-z]{32}$/),
      object: "response",
      status: "completed",
      completed_at: expect.any(Number),
      error: null,
      incomplete_details: null,
      instructions: "Be brief.",
      model: "scripted/ok",
      output: [
        {
          id: expect.stringMatching(/^msg_/),
          type: "message",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: hello, annotations: [], logprobs: [] }],
        },
      ],
      temperature: 0.5,
      metadata: { ticket: "7" },
      user: "alice",
      store: true,
      tools: [],
      tool_choice: "auto",
      text: { format: { type: "text" } },
      usage: { output_tokens: 5, output_tokens_details: { reasoning_tokens: 0 } },
      parapet: { route: { model: "scripted/ok" } },
    });
    expect(headers.get("x-parapet-model")).toBe("scripted/ok");
  });

  it("is answered from the items as chat messages", async () => {
    await respond({
      instructions: "Be brief.",
      input: [
        { role: "user", content: [{ type: "input_text", text: "What is the weather?" }] },
        { type: "reasoning", id: "rs_1", summary: [], encrypted_content: null },
        { type: "function_call", call_id: "call_1", name: "get_weather", arguments: '{"city":"Paris"}' },
        { type: "function_call", call_id: "call_2", name: "get_weather", arguments: '{"city":"Rome"}' },
        { type: "function_call_output", call_id: "call_1", output: "sunny" },
        { type: "function_call_output", call_id: "call_2", output: [{ type: "input_text", text: "rain" }] },
      ],
      tools: [{ type: "function", name: "get_weather", parameters: { type: "object" }, strict: true }],
      tool_choice: { type: "function", name: "get_weather" },
      max_output_tokens: 30,
    });
    const call = (id: string, city: string) => ({
      id,
      type: "function",
      function: { name: "get_weather", arguments: JSON.stringify({ city }) },
    });
    expect(await lastSent()).toMatchObject({
      max_tokens: 30,
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: [{ type: "text", text: "What is the weather?" }] },
        { role: "assistant", content: null, tool_calls: [call("call_1", "Paris"), call("call_2", "Rome")] },
        { role: "tool", tool_call_id: "call_1", content: "sunny" },
        { role: "tool", tool_call_id: "call_2", content: "rain" },
      ],
      tools: [{ type: "function", function: { name: "get_weather", strict: true } }],
      tool_choice: { type: "function", function: { name: "get_weather" } },
    });
  });

  it("calls functions", async () => {
    const tools = [{ type: "function", name: "get_weather", parameters: { type: "object" } }];
    const { json } = await respond({ model: "scripted/tool-call", tools });
    expect(json.output).toEqual([
      {
        id: expect.stringMatching(/^fc_/),
        type: "function_call",
        status: "completed",
        call_id: "call_scripted_1",
        name: "get_weather",
        arguments: '{"city":"Paris"}',
      },
    ]);
    expect(json.tools).toEqual([
      { type: "function", name: "get_weather", description: null, parameters: { type: "object" }, strict: null },
    ]);
  });

  it.each([
    ["a hosted tool", { tools: [{ type: "web_search" }] }, "tools.0.type", "web_search"],
    ["a custom tool", { tools: [{ type: "custom", name: "x" }] }, "tools.0.type", "custom"],
    ["a hosted tool's item", { input: [{ type: "web_search_call", id: "x" }] }, "input.0.type", "web_search_call"],
    ["background", { background: true }, "background", "stream"],
    ["a conversation", { conversation: "conv_1" }, "conversation", "previous_response_id"],
    ["a stored prompt", { prompt: { id: "pmpt_1" } }, "prompt", "prompts kept at OpenAI"],
    ["truncation", { truncation: "auto" }, "truncation", "unseen"],
    ["a dearer tier", { service_tier: "priority" }, "service_tier", "standard tier"],
    ["an uploaded file", { input: [{ role: "user", content: [{ type: "input_file", file_id: "f" }] }] }, null, "input"],
    ["a field nobody documents", { frobnicate: 1 }, "frobnicate", "not supported"],
    ["a choice of tools without tools", { tool_choice: "required" }, "tool_choice", "no tools"],
  ])("refuses %s by name", async (_what, body, param, says) => {
    const { status, json } = await respond(body);
    expect(status).toBe(400);
    if (param !== null) expect(json.error.param).toBe(param);
    expect(json.error.message).toContain(says);
  });
});

describe("a streamed response", () => {
  it("opens, fills and closes its items, each event numbered", async () => {
    const { text, status } = await respond({ stream: true });
    expect(status, text).toBe(200);
    const events = eventsOf(text);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_event, index) => index));
    const types = events.map((event) => event.type);
    expect([...new Set(types)]).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    const deltas = events.filter((event) => event.type === "response.output_text.delta");
    expect(deltas.map((event) => event["delta"]).join("")).toBe(hello);
    expect(events.at(-1)).toMatchObject({
      response: { status: "completed", store: true, output: [{ content: [{ text: hello }] }] },
    });
  });

  it("sums its reasoning up before the answer", async () => {
    const { text } = await respond({ model: "scripted/think", stream: true, include: ["reasoning.encrypted_content"] });
    const events = eventsOf(text);
    const types = [...new Set(events.map((event) => event.type))];
    expect(types.slice(2, 9)).toEqual([
      "response.output_item.added",
      "response.reasoning_summary_part.added",
      "response.reasoning_summary_text.delta",
      "response.reasoning_summary_text.done",
      "response.reasoning_summary_part.done",
      "response.output_item.done",
      "response.content_part.added",
    ]);
    const last = events.at(-1) as unknown as { response: { output: { type: string; encrypted_content?: string }[] } };
    expect(last.response.output.map((item) => item.type)).toEqual(["reasoning", "message"]);
    expect(last.response.output[0]?.encrypted_content).toMatch(/^pt1\./);
  });

  it("hands each function call over whole", async () => {
    const tools = [{ type: "function", name: "get_weather", parameters: { type: "object" } }];
    const { text } = await respond({ model: "scripted/tool-call", tools, stream: true });
    const types = eventsOf(text).map((event) => event.type);
    expect(types.slice(2)).toEqual([
      "response.output_item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "response.output_item.done",
      "response.completed",
    ]);
  });

  it("gives the probabilities of its tokens where they were asked for", async () => {
    const { text } = await respond({
      model: "scripted/logprobs",
      stream: true,
      include: ["message.output_text.logprobs"],
    });
    const done = eventsOf(text).find((event) => event.type === "response.output_text.done");
    expect(done?.["logprobs"]).not.toEqual([]);
  });
});

describe("a kept response", () => {
  it("is continued with all that was said, but not with its instructions", async () => {
    const first = (await respond({ input: "My name is Ada.", instructions: "Be brief." })).json;
    const { json } = await respond({ input: "What is my name?", previous_response_id: first.id });
    expect(json.previous_response_id).toBe(first.id);
    expect((await lastSent()).messages).toEqual([
      { role: "user", content: "My name is Ada." },
      { role: "assistant", content: hello },
      { role: "user", content: "What is my name?" },
    ]);
  });

  it("can be continued twice, each branch without the other", async () => {
    const first = (await respond({ input: "One." })).json;
    await respond({ input: "Left.", previous_response_id: first.id });
    const right = (await respond({ input: "Right.", previous_response_id: first.id })).json;
    await respond({ input: "On.", previous_response_id: right.id });
    const texts = (await lastSent()).messages.map((message) => (message as { content: string }).content);
    expect(texts).toEqual(["One.", hello, "Right.", hello, "On."]);
  });

  it("carries its thinking back to the model", async () => {
    const first = (await respond({ model: "scripted/think" })).json;
    expect(first.output[0]).toMatchObject({ type: "reasoning", encrypted_content: null });
    const { json } = await respond({ previous_response_id: first.id, input: "Go on." });
    expect(json.status).toBe("completed");
    const kept = await read(`${first.id}?include[]=reasoning.encrypted_content`);
    expect(kept.json.output[0].encrypted_content).toMatch(/^pt1\./);
  });

  it("takes an item by its id instead of its text", async () => {
    const first = (await respond({ input: "One." })).json;
    const { status, json } = await respond({
      input: [
        { role: "user", content: "One." },
        { type: "item_reference", id: first.output[0].id },
        { role: "user", content: "Two." },
      ],
    });
    expect(status, JSON.stringify(json)).toBe(200);
    expect((await lastSent()).messages).toEqual([
      { role: "user", content: "One." },
      { role: "assistant", content: hello },
      { role: "user", content: "Two." },
    ]);
  });

  it("is read as it was answered, and lists what it was asked with", async () => {
    const first = (await respond({ input: "One." })).json;
    expect((await read(first.id)).json).toEqual(first);
    const many = (
      await respond({
        previous_response_id: first.id,
        input: ["a", "b", "c"].map((content) => ({ role: "user", content })),
      })
    ).json;
    const page = (await read(`${many.id}/input_items?order=asc&limit=2`)).json;
    expect(page).toMatchObject({
      object: "list",
      has_more: true,
      data: [
        { type: "message", role: "user", status: "completed", content: [{ type: "input_text", text: "a" }] },
        { content: [{ text: "b" }] },
      ],
    });
    const rest = (await read(`${many.id}/input_items?order=asc&after=${page.last_id}`)).json;
    expect(rest).toMatchObject({ has_more: false, data: [{ content: [{ text: "c" }] }] });
  });

  it("is gone once it was deleted", async () => {
    const first = (await respond({})).json;
    const second = (await respond({ previous_response_id: first.id })).json;
    expect((await read(first.id, key, "DELETE")).json).toEqual({ id: first.id, object: "response", deleted: true });
    expect((await read(first.id)).status).toBe(404);
    expect((await read(first.id, key, "DELETE")).status).toBe(404);
    expect((await respond({ previous_response_id: first.id })).status).toBe(404);
    // What continued it lacks a turn: it is not continued as if nothing had been said.
    const { status, json } = await respond({ previous_response_id: second.id });
    expect({ status, message: json.error.message }).toMatchObject({
      status: 404,
      message: expect.stringContaining("earlier turn"),
    });
  });

  it("is nobody else's, and nobody else can tell that it is there", async () => {
    const mine = (await respond({})).json;
    const other = await makeKey(["chat"]);
    const unknown = `resp_${"0".repeat(32)}`;
    const answersOf = async (id: string) => [
      await read(id, other),
      await read(`${id}/input_items`, other),
      await read(id, other, "DELETE"),
      await respond({ previous_response_id: id }, other),
      await respond({ input: [{ type: "item_reference", id: id.replace("resp", "msg") }] }, other),
    ];
    const shapes = (replies: Awaited<ReturnType<typeof answersOf>>, id: string) =>
      replies.map(({ status, json }) => ({
        status,
        message: json.error.message.replaceAll(id.slice(5), "…"),
      }));
    const theirs = shapes(await answersOf(mine.id), mine.id);
    expect(theirs).toEqual(shapes(await answersOf(unknown), unknown));
    expect(theirs.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    expect((await read(mine.id)).status).toBe(200);
  });

  it("is kept for the subject a trusted key acts for", async () => {
    const server = await makeKey(["chat", "act_as"]);
    const mine = (await respond({ parapet: { subject: "alice" } }, server)).json;
    expect((await read(mine.id, server)).status).toBe(404);
    expect((await read(`${mine.id}?subject=alice`, server)).status).toBe(200);
    expect((await read(`${mine.id}?subject=alice`)).status).toBe(403);
  });

  it("is none where nothing was to be kept", async () => {
    const { json } = await respond({ store: false });
    expect(json.store).toBe(false);
    expect((await read(json.id)).status).toBe(404);
  });

  it("is none in a deployment that keeps no content", async () => {
    const bindings = scriptedEnv({ PARAPET_CONTENT_RETENTION_DAYS: "0" });
    const body = { model: "scripted/ok", input: "Hi" };
    const { json } = await callWorker(bindings, "/v1/responses", { key, body });
    expect(json.store).toBe(false);
    expect((await read(json.id)).status).toBe(404);
  });
});
