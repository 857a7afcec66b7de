import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { catalog } from "../../providers/catalog.ts";
import { extractPrices } from "./extract-prices.ts";

/** `npm run prices`: makes src/providers/price-list.json of the pinned @pydantic/genai-prices. */

/** The day npm published each version (`npm view @pydantic/genai-prices time`): the package does not say. */
const publishedOn: Readonly<Record<string, string>> = { "0.1.8": "2026-09-23" };

const pathOf = (relative: string) => join(import.meta.dirname, relative);
const manifest = pathOf("../../../node_modules/@pydantic/genai-prices/package.json");
// The shape of npm's own file.
const { name, version } = JSON.parse(await readFile(manifest, "utf8")) as { name: string; version: string };
const readOn = publishedOn[version];
if (readOn === undefined) throw new Error(`Add the day ${name} ${version} was published to publishedOn in prices.ts.`);

const list = extractPrices({ modelIds: catalog.map((card) => card.id), package: `${name} ${version}`, readOn });
await writeFile(pathOf("../../providers/price-list.json"), `${JSON.stringify(list, null, 2)}\n`);
const missing = catalog.map((card) => card.id).filter((id) => list.models[id] === undefined);
process.stdout.write(`${Object.keys(list.models).length} models priced by ${list.package} of ${readOn}.\n`);
process.stdout.write(`Priced by hand, as the list lacks them: ${missing.join(", ") || "none"}.\n`);
