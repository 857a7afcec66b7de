import { beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { until } from "../support/until.ts";
import { runChaos } from "../bench/faults/run-chaos.ts";
import { chaosModels } from "../bench/faults/scenarios.ts";
import { issueKey, newProject, readingScopes, send, type IssuedKey } from "./api.ts";
import { providerStatsNow, resetProvider } from "./provider.ts";

// Providers that fail in every way, at random. `npm run test:full` does it for two minutes.

const seconds = Number(process.env["PARAPET_CHAOS_SECONDS"] ?? 10);
const project = newProject();
let reader: IssuedKey;
let key: IssuedKey;

beforeAll(async () => {
  await resetProvider();
  reader = await issueKey({ project, scopes: readingScopes });
  key = await issueKey({ project, scopes: ["chat"] });
});

const exportedCall = z.object({
  id: z.string(),
  model: z.string(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  cost_micros: z.int(),
  estimated: z.boolean(),
  outcome: z.string(),
});

async function exportCalls(): Promise<z.infer<typeof exportedCall>[]> {
  const reply = await send(reader, "GET", `/v1/usage/export?format=jsonl&key=${key.id}`);
  const lines = reply.text.split("\n").filter((line) => line !== "");
  return lines.map((line) => exportedCall.parse(JSON.parse(line)));
}

it(
  `for ${seconds} s leaves every request an answer or a named error in time, and every call charged once`,
  async () => {
    const chaos = await runChaos({ baseUrl: key.baseUrl, key: key.key }, seconds * 1_000);
    const { wrong: _wrong, ...summary } = chaos;
    process.stderr.write(`chaos: ${JSON.stringify(summary)}\n`);
    expect(chaos.wrong).toEqual([]);
    expect(chaos.answered).toBeGreaterThan(0);
    const unnamed = Object.keys(chaos.errors).filter((code) => !/^upstream_|^model_unavailable$|^context_/.test(code));
    expect(unnamed).toEqual([]);

    const { models } = await providerStatsNow();
    const asked = chaosModels.reduce((total, name) => total + (models[name]?.requests ?? 0), 0);
    const rows = await until(
      async () => {
        const exported = await exportCalls();
        return exported.length >= asked ? exported : null;
      },
      { timeoutMs: 30_000, what: `the ledger has ${asked} calls` },
    );
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    for (const name of chaosModels) {
      const mine = rows.filter(({ model }) => model === name);
      const exact = mine.filter(({ estimated }) => !estimated);
      const counted = models[name] ?? { requests: 0, inputTokens: 0, outputTokens: 0 };
      // Every call that reached the provider has its row, and no call has two.
      expect({ name, calls: mine.length }).toEqual({ name, calls: counted.requests });
      // A row that is no estimate is the provider's own count; where none is one, they are all it counted.
      const sum = (kind: "input_tokens" | "output_tokens") => exact.reduce((total, row) => total + row[kind], 0);
      const charged = { name, input: sum("input_tokens"), output: sum("output_tokens") };
      const provided = { name, input: counted.inputTokens, output: counted.outputTokens };
      if (exact.length === mine.length) expect(charged).toEqual(provided);
      expect(charged.output).toBeLessThanOrEqual(provided.output);
    }
    // What failed and costs something was counted by ourselves, and says so.
    expect(
      rows.filter(({ outcome, estimated, cost_micros: cost }) => outcome !== "ok" && cost > 0 && !estimated),
    ).toEqual([]);
  },
  seconds * 1_000 + 60_000,
);
