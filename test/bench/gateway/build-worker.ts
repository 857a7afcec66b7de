import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../../../src/local/node/run-command.ts";

export interface BuiltWorker {
  /** The main module first. */
  modules: { type: "ESModule" | "Text"; path: string; contents: string }[];
}

/** Builds a worker as a deployment to production would; `script` takes the place of the configured main file. */
export async function buildWorker({
  root,
  folder,
  script,
}: {
  root: string;
  folder: string;
  script?: string;
}): Promise<BuiltWorker> {
  const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
  await runCommand({
    file: process.execPath,
    args: [
      wrangler,
      "deploy",
      ...(script === undefined ? [] : [script]),
      "--dry-run",
      "--env",
      "production",
      "--minify",
      "--outdir",
      folder,
    ],
    cwd: root,
    env: { WRANGLER_SEND_METRICS: "false", CI: "true" },
    timeoutMs: 120_000,
  });
  return readWorker(folder);
}

/** The modules that `wrangler deploy --dry-run` wrote. */
export function readWorker(folder: string): BuiltWorker {
  const names = readdirSync(folder).filter((name) => !name.endsWith(".map") && name !== "README.md");
  const main = names.find((name) => name.endsWith(".js"));
  if (main === undefined) throw new Error(`wrangler wrote no module to ${folder}`);
  const module = (name: string) => ({
    type: name === main ? ("ESModule" as const) : ("Text" as const),
    path: name,
    contents: readFileSync(join(folder, name), "utf8"),
  });
  return { modules: [module(main), ...names.filter((name) => name !== main).map(module)] };
}
