import Anthropic, { APIError } from "@anthropic-ai/sdk";
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeAll, describe, expect, inject, it } from "vitest";
import worker from "../../../src/local.ts";
import { readStats } from "../../providers/contract.ts";
import { makeKey, scriptedEnv } from "../../support/call-worker.ts";

// Anthropic's own client, Parapet between, and Anthropic's own wire behind: what one says must reach the other.

let client: Anthropic;

beforeAll(async () => {
  const bindings = scriptedEnv({
    ANTHROPIC_API_KEY: "sk-ant-test",
    ANTHROPIC_BASE_URL: inject("scriptedProviderUrl"),
  });
  client = new Anthropic({
    baseURL: "https://parapet.test",
    apiKey: await makeKey(["chat"]),
    maxRetries: 0,
    fetch: async (url, init) => {
      const context = createExecutionContext();
      // A Request made here lacks what Cloudflare's edge adds, which the worker does not read.
      const request = new Request(String(url), init) as Parameters<typeof worker.fetch>[0];
      const response = await worker.fetch(request, bindings, context);
      // Whole, so that nothing of one request is left when the next begins.
      const body = await response.arrayBuffer();
      await waitOnExecutionContext(context);
      return new Response(body, response);
    },
  });
});

async function sentFor(text: string): Promise<unknown> {
  const { recorded } = await readStats();
  return recorded.findLast(({ path, body }) => path === "/v1/messages" && JSON.stringify(body).includes(text))?.body;
}

describe("Claude through Parapet", () => {
  it("is asked what its client asked", async () => {
    const token = crypto.randomUUID();
    const message = await client.messages.create({
      model: "claude-haiku-5-5",
      max_tokens: 200,
      system: [{ type: "text", text: `Be brief. ${token}`, cache_control: { type: "ephemeral", ttl: "1h" } }],
      messages: [
        {
          role: "user",
          content: [
            { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } },
            { type: "text", text: "What is it?" },
          ],
        },
      ],
      tools: [{ name: "look", input_schema: { type: "object", properties: {} }, cache_control: { type: "ephemeral" } }],
      tool_choice: { type: "auto", disable_parallel_tool_use: true },
      thinking: { type: "adaptive", display: "summarized" },
      output_config: { effort: "low" },
      stop_sequences: ["END"],
    });
    expect(message).toMatchObject({ model: "anthropic/claude-haiku-5-5", stop_reason: "end_turn" });
    expect(await sentFor(token)).toEqual({
      model: "claude-haiku-5-5",
      max_tokens: 200,
      system: [{ type: "text", text: `Be brief. ${token}`, cache_control: { type: "ephemeral", ttl: "1h" } }],
      messages: [
        {
          role: "user",
          content: [
            { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } },
            { type: "text", text: "What is it?" },
          ],
        },
      ],
      tools: [{ name: "look", input_schema: { type: "object", properties: {} }, cache_control: { type: "ephemeral" } }],
      tool_choice: { type: "auto", disable_parallel_tool_use: true },
      thinking: { type: "adaptive", display: "summarized" },
      output_config: { effort: "low" },
      stop_sequences: ["END"],
      service_tier: "standard_only",
    });
  });

  it.each([
    ["whole", false],
    ["streamed", true],
  ])("thinks, and is given its thinking back unchanged: %s", async (_how, isStream) => {
    const token = crypto.randomUUID();
    const question = { role: "user" as const, content: "do: think" };
    const request = { model: "claude-opus-5-5", max_tokens: 200, messages: [question] };
    const first = isStream
      ? await client.messages.stream(request).finalMessage()
      : await client.messages.create(request);
    expect(first.content[0]).toMatchObject({
      type: "thinking",
      thinking: "Let me think.",
      signature: expect.stringMatching(/./),
    });
    await client.messages.create({
      ...request,
      messages: [question, { role: "assistant", content: first.content }, { role: "user", content: token }],
    });
    expect(await sentFor(token)).toMatchObject({
      messages: [
        { role: "user" },
        { role: "assistant", content: [first.content[0], { type: "text", text: "Hello from the scripted provider." }] },
        { role: "user", content: [{ type: "text", text: token }] },
      ],
    });
  });

  it("names the stop sequence that ended it", async () => {
    const request = {
      model: "claude-sonnet-5-5",
      max_tokens: 200,
      stop_sequences: ["END"],
      messages: [{ role: "user" as const, content: "do: stop-sequence" }],
    };
    const whole = await client.messages.create(request);
    const streamed = await client.messages.stream(request).finalMessage();
    for (const message of [whole, streamed])
      expect(message).toMatchObject({ stop_reason: "stop_sequence", stop_sequence: "END" });
  });

  it("says that it refused, and why", async () => {
    const request = {
      model: "claude-opus-5-5",
      max_tokens: 200,
      messages: [{ role: "user" as const, content: "do: refusal" }],
    };
    const whole = await client.messages.create(request);
    const streamed = await client.messages.stream(request).finalMessage();
    for (const message of [whole, streamed]) {
      expect(message).toMatchObject({
        stop_reason: "refusal",
        stop_details: { type: "refusal", explanation: "I cannot help with that." },
      });
    }
  });

  it("is not forced to call a tool while it thinks, and its client hears so", async () => {
    const failure: unknown = await client.messages
      .create({
        model: "claude-opus-5-5",
        max_tokens: 200,
        messages: [{ role: "user", content: "hi" }],
        tools: [{ name: "look", input_schema: { type: "object", properties: {} } }],
        tool_choice: { type: "any" },
      })
      .catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({
      status: 400,
      type: "invalid_request_error",
      error: { error: { param: "tool_choice" } },
    });
  });

  it("charges what was cached at its own rates", async () => {
    const message = await client.messages.create({
      model: "claude-sonnet-5-5",
      max_tokens: 1_000,
      messages: [{ role: "user", content: "do: cached" }],
    });
    // 22 fresh at $2, 1920 read at $0.20, 64 written at $2.50, 300 out at $10 a million.
    expect(message).toMatchObject({ parapet: { cost_micros: Math.round(22 * 2 + 1920 * 0.2 + 64 * 2.5 + 300 * 10) } });
  });
});
