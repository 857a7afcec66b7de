import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { scopes } from "../../core/principal.ts";

const created = z.object({ key: z.string() });

/** Everything but making more keys. */
const developerScopes = scopes.filter((scope) => scope !== "keys:write");

/** The developer's own API key: kept in `.parapet/key`, made with the admin token when there is none or it no longer works. */
export async function ensureKey({
  root,
  url,
  adminToken,
}: {
  root: string;
  url: string;
  adminToken: string;
}): Promise<string> {
  const path = join(root, ".parapet", "key");
  const known = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  if (known !== "" && (await works(url, known))) return known;
  const response = await fetch(`${url}/v1/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "local development", scopes: developerScopes }),
  });
  if (!response.ok)
    throw new Error(`The development key could not be made: ${response.status} ${await response.text()}`);
  const { key } = created.parse(await response.json());
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${key}\n`, { mode: 0o600 });
  return key;
}

async function works(url: string, key: string): Promise<boolean> {
  const response = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  await response.body?.cancel();
  return response.ok;
}
