import type { Stack } from "./start-stack.ts";

/** Where the server is and how to call it, for a terminal. */
export function describeAccess({ url, key, models }: Pick<Stack, "url" | "key" | "models">): string {
  return `
Parapet is serving ${url}   (chat model: ${models.chatModel ?? "none, grounded questions get extractive answers"})
API key: ${key}
Keys and budgets are made with PARAPET_ADMIN_TOKEN, which is in .dev.vars.

curl ${url}/v1/chat/completions \\
  -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" \\
  -d '{"model":"auto","messages":[{"role":"user","content":"Say hello in one sentence."}]}'

import OpenAI from "openai";
const client = new OpenAI({ baseURL: "${url}/v1", apiKey: "${key}" });
const answer = await client.chat.completions.create({
  model: "auto",
  messages: [{ role: "user", content: "Say hello in one sentence." }],
});
console.log(answer.choices[0].message.content);

The API: ${url}/openapi.json   Stop with Ctrl-C.
`;
}
