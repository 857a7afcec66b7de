import { beforeAll, describe, expect, inject, it } from "vitest";
import { callWorker, makeKey, scriptedEnv } from "../support/call-worker.ts";

const card = "4111 1111 1111 1111";
let key: string;
beforeAll(async () => {
  key = await makeKey(["chat"]);
});

/** What reached the provider, as text. */
async function sent(change: object): Promise<string> {
  await fetch(`${inject("scriptedProviderUrl")}/__reset`, { method: "POST" });
  const body = { model: "scripted/ok", messages: [{ role: "user", content: "Hi" }], ...change };
  const { status, json } = await callWorker(scriptedEnv(), "/v1/chat/completions", { key, body });
  expect(status, JSON.stringify(json)).toBe(200);
  const stats: { recorded: { body: unknown }[] } = await (
    await fetch(`${inject("scriptedProviderUrl")}/__stats`)
  ).json();
  return JSON.stringify(stats.recorded.map((request) => request.body));
}

describe("a card number reaches no provider", () => {
  it.each([
    ["in a message", { messages: [{ role: "user", content: `My card is ${card}.` }] }],
    [
      "split over text parts",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "My card is 4111 1111" },
              { type: "text", text: " 1111 1111" },
            ],
          },
        ],
      },
    ],
    [
      "in a tool result",
      {
        messages: [
          { role: "user", content: "Hi" },
          { role: "assistant", refusal: card },
          { role: "user", content: "?" },
        ],
      },
    ],
    ["in a stop sequence", { stop: [card] }],
    [
      "in the name of the tool to call",
      {
        tools: [{ type: "function", function: { name: "f_4111111111111111" } }],
        tool_choice: { type: "function", function: { name: "f_4111111111111111" } },
      },
    ],
  ])("%s", async (_where, change) => {
    const text = await sent(change);
    expect(text).not.toMatch(/4111 ?1111/);
    expect(text).toContain("[CARD]");
  });
});
