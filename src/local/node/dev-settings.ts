import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What local development needs and production gets as secrets: made once, random, and never committed. */
export interface DevSettings {
  PARAPET_ENVIRONMENT: "local";
  PARAPET_SECRET: string;
  PARAPET_ADMIN_TOKEN: string;
}

const fileName = ".dev.vars";

/** Reads `.dev.vars`, and adds what is missing; what a developer wrote there stays. */
export function ensureDevSettings(root: string): DevSettings {
  const path = join(root, fileName);
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const present = parseVariables(text);
  const settings: DevSettings = {
    PARAPET_ENVIRONMENT: "local",
    PARAPET_SECRET: present["PARAPET_SECRET"] ?? randomBytes(32).toString("hex"),
    PARAPET_ADMIN_TOKEN: present["PARAPET_ADMIN_TOKEN"] ?? `admin_${randomBytes(24).toString("hex")}`,
  };
  const missing = Object.entries(settings).filter(([name]) => present[name] === undefined);
  if (missing.length > 0) {
    const lines = missing.map(([name, value]) => `${name}="${value}"\n`).join("");
    writeFileSync(path, text + (text === "" || text.endsWith("\n") ? "" : "\n") + lines, { mode: 0o600 });
  }
  return settings;
}

function parseVariables(text: string): Record<string, string> {
  const lines = text.matchAll(/^\s*([A-Z][A-Z0-9_]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\n#]*))/gm);
  return Object.fromEntries(
    [...lines].map(([, name = "", double, single, bare]) => [name, (double ?? single ?? bare ?? "").trim()]),
  );
}
