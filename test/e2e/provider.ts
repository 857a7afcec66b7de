import { inject } from "vitest";
import { z } from "zod";

const modelStats = z.object({
  requests: z.int(),
  inputTokens: z.int(),
  outputTokens: z.int(),
  disconnects: z.int(),
});
const providerStats = z.object({
  models: z.record(z.string(), modelStats),
  recorded: z.array(z.object({ model: z.string(), headers: z.record(z.string(), z.string()), body: z.unknown() })),
});

export async function providerStatsNow(): Promise<z.infer<typeof providerStats>> {
  const response = await fetch(`${inject("providerUrl")}/__stats`);
  return providerStats.parse(await response.json());
}

/** What the scripted provider counted for a model so far. */
export async function statsOf(model: string): Promise<z.infer<typeof modelStats>> {
  const { models } = await providerStatsNow();
  return models[model] ?? { requests: 0, inputTokens: 0, outputTokens: 0, disconnects: 0 };
}

/** Makes the provider forget: what is to fail "once" fails again. */
export async function resetProvider(): Promise<void> {
  await fetch(`${inject("providerUrl")}/__reset`, { method: "POST" });
}
