import { expect } from "vitest";
import { chat, chatBody, type IssuedKey } from "./api.ts";
import { usageOfKey, type UsageRow } from "./records.ts";
import type { Caller } from "./api.ts";

/** What a token of the models with free input costs, in micro-USD. */
const microsPerToken = 10;

/**
 * Proves that nothing is reserved any more: all that the key's daily budget still holds can be reserved by one request. Its calls
 * so far must be `calls`; their row is given back.
 */
export async function expectSettledBudget(
  key: IssuedKey,
  { budgetMicros, calls, reader }: { budgetMicros: number; calls: number; reader: Caller },
): Promise<UsageRow> {
  const usage = await usageOfKey(reader, key.id, calls);
  expect(usage.calls).toBe(calls);
  const leftTokens = Math.floor((budgetMicros - usage.cost_micros) / microsPerToken);
  expect(leftTokens).toBeGreaterThan(0);
  const reply = await chat(key, chatBody("scripted/usage-0-50~free-input", { max_completion_tokens: leftTokens }));
  expect(reply.status, reply.text).toBe(200);
  return usage;
}
