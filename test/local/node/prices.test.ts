import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { extractPrices } from "../../../src/local/node/extract-prices.ts";
import { catalog } from "../../../src/providers/catalog.ts";
import list from "../../../src/providers/price-list.json" with { type: "json" };

const modelIds = catalog.map((card) => card.id);

it("price-list.json is what the script makes of the pinned package", async () => {
  const manifest = await readFile("node_modules/@pydantic/genai-prices/package.json", "utf8");
  // The shape of npm's own file.
  const { name, version } = JSON.parse(manifest) as { name: string; version: string };
  const readOn = Object.values(list.models)[0]?.[0]?.readOn ?? "";
  expect(list.package, "run `npm run prices`").toBe(`${name} ${version}`);
  expect(list, "run `npm run prices`").toEqual(extractPrices({ modelIds, package: list.package, readOn }));
});

it("a price by prompt size has one threshold, and an announced one its day", () => {
  const { models } = extractPrices({
    modelIds: ["openai/gpt-6-sol", "google/gemini-3.8-flash", "openai/gpt-5.6-terra"],
    package: "p",
    readOn: "2026-09-23",
  });
  expect(models["openai/gpt-6-sol"]).toMatchObject([
    { inputPico: 2_000_000, outputPico: 10_000_000, above: { inputTokens: 272_000, inputPico: 4_000_000 } },
  ]);
  expect(models["google/gemini-3.8-flash"]).toMatchObject([
    { inputPico: 750_000, cachedInputPico: 75_000, outputPico: 3_750_000 },
    { from: "2027-01-01", inputPico: 1_500_000, outputPico: 7_500_000 },
  ]);
  // Of several dated prices only the one in force on the day, and what follows it.
  expect(models["openai/gpt-5.6-terra"]).toMatchObject([{ inputPico: 2_000_000 }]);
});

it("leaves out what the list does not know by its exact name", () => {
  const { models } = extractPrices({
    modelIds: ["openai/gpt-6.1-sol", "local/chat"],
    package: "p",
    readOn: "2026-09-23",
  });
  expect(models).toEqual({});
});
